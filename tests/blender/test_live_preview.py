"""The engine's picture of the fit, as Blender takes it in."""


def test_the_picture_is_taken_in_right_side_up_and_only_of_its_own_run(blender, tmp_path):
    ran = blender("""
import numpy as np
live, job = part("animamimic_addon.live_preview"), part("core.job")
folder = Path(arguments[0])
images = len(bpy.data.images)
live.look(folder)
before = live.NAME in live._icons
picture = np.zeros((2, 3, 3), np.uint8)
picture[1, 0] = [255, 130, 20]  # bottom left
job.write_preview(folder, picture)
live.look(folder)
shown = live._icons[live.NAME]
first = list(np.array(shown.image_pixels[:], np.int32).view(np.uint8)[:8])
datablocks = len(bpy.data.images) - images
job.write_preview(folder, np.full((4, 6, 3), 9, np.uint8))
os.utime(folder / job.PREVIEW_FILE, (1, 1))
live.look(folder)
tell(before=before, first=[int(one) for one in first], size=[list(shown.image_size)], datablocks=datablocks,
     other=live.icon(folder / "another run"))
""", tmp_path)
    assert not ran["before"]
    assert ran["first"] == [255, 130, 20, 255, 0, 0, 0, 255]
    assert ran["size"] == [[6, 4]]
    assert (ran["datablocks"], ran["other"]) == (0, 0)
