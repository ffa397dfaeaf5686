"""What is added to the user's words (here, since Blender's side says it too) so that the video can be fitted: a still camera, a plain background, all of the body."""

STILL = "static camera, locked shot, plain white background, full body in view"
"""Follows the user's prompt."""

UNWANTED = "camera movement, zoom, pan, cut, background scenery, shadow, text, watermark, blur, cropped body, extra limbs, low quality"
"""The negative prompt where the user gives none."""


def full_prompt(prompt: str, helped: bool) -> str:
    """The user's prompt, with what keeps camera and background still unless that is unwanted or there already."""
    prompt = prompt.strip().rstrip(".,")
    return f"{prompt}, {STILL}" if helped and STILL not in prompt else prompt


def full_negative(negative: str, helped: bool) -> str:
    """The user's negative prompt, or the usual one where there is none."""
    return negative.strip() or (UNWANTED if helped else "")
