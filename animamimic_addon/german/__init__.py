"""The interface in German: `settings` keyed by the settings' names, `texts` by the English that the code holds."""
