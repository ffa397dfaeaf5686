"""The settings of the fit as its stages are kept under: the content of a network's weights in place of the path where they lie."""

from dataclasses import replace

from .settings import FitSettings
from .stages import content_of


def with_content_of_weights(settings: FitSettings) -> FitSettings:
    """The same settings, with a hash of the file that the chosen flow's network is filled from as `flow_weights`; '' for a flow without one.

    A file that moved is the same, one that was replaced is another. Raises InputError where there is no such file.
    """
    if settings.flow == "DIS":
        return replace(settings, flow_weights="")
    from .video.flow import file_with_weights

    return replace(settings, flow_weights=content_of(file_with_weights(settings.flow, settings.flow_weights)))
