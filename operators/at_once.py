"""What operators share that are done at once, and how every operator tells what went wrong."""

from typing import Any

from ..animamimic_addon import session
from ..animamimic_addon.datablocks import Context
from ..core.errors import AnimaMimicError, CancelledError


def tell_failure(operator: Any, error: AnimaMimicError) -> set[Any]:
    """Report the error's sentence, as a warning where the user wanted the end; returns what `execute` then returns."""
    operator.report({"WARNING"} if isinstance(error, CancelledError) else {"ERROR"}, str(error))
    return {"CANCELLED"}


class AtOnce:
    """Makes an operator of `act`. To be inherited before bpy.types.Operator."""

    report: Any
    poll_message_set: Any

    def execute(self, context: Context) -> set[Any]:
        """Do it, or say why not."""
        try:
            said = self.act(context)
        except AnimaMimicError as error:
            return tell_failure(self, error)
        if said:
            self.report({"INFO"}, said)
        return {"FINISHED"}

    def act(self, context: Context) -> str:
        """Do it; returns what the status bar says, '' for nothing. Raises AnimaMimicError with the scene as before."""
        raise NotImplementedError


class WhileIdle(AtOnce):
    """The same, not during a run."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Not while a run is under way."""
        cls.poll_message_set("A run is under way")
        return session.current() is None


class SceneChange(WhileIdle):
    """The same with an undo step."""

    bl_options: Any = {"REGISTER", "UNDO"}
