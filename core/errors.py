"""Errors that a person can act on."""


class AnimaMimicError(Exception):
    """A failure told in plain words.

    problem: one sentence that says what is wrong, with the offending name or value in it.
    remedy: one sentence that says what to do about it; may be empty where nothing can be done.
    """

    exit_code = 1

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy


class InputError(AnimaMimicError):
    """What the user gave cannot be used: the scene, the video or a setting. Nothing was changed."""

    exit_code = 2


class EngineError(AnimaMimicError):
    """The engine could not finish although its input was right: it is missing, died, or ran out of memory or disk."""


class CancelledError(AnimaMimicError):
    """The user ended the run."""

    exit_code = 130
