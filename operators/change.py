"""What operators that change the scene at once share: not during a run, errors told in their sentence."""

from typing import Any

from ..animamimic_addon import session
from ..animamimic_addon.datablocks import Context
from ..core.errors import AnimaMimicError


class SceneChange:
    """Makes an operator of `change`. To be inherited before bpy.types.Operator."""

    bl_options: Any = {"REGISTER", "UNDO"}

    report: Any
    poll_message_set: Any

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Not while a run is under way."""
        cls.poll_message_set("A run is under way")
        return session.current() is None

    def execute(self, context: Context) -> set[Any]:
        """Change the scene, or say why not."""
        try:
            said = self.change(context)
        except AnimaMimicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if said:
            self.report({"INFO"}, said)
        return {"FINISHED"}

    def change(self, context: Context) -> str:
        """Do it; returns what the status bar says, '' for nothing. Raises AnimaMimicError with the scene as before."""
        raise NotImplementedError
