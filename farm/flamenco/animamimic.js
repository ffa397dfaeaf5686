/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Flamenco 3 job type: animate a table of shots (see README.md, "Many shots"), or the object that is active in the open file.
 *
 * To install it, copy this file into the folder `scripts` beside flamenco-manager, and give the manager's configuration a variable
 * `animamimic` with the Python that has AnimaMimic, for each platform. Flamenco can try a failed task on another worker; the
 * stages that were done are not done again.
 */

const JOB_TYPE = {
    label: "AnimaMimic",
    description: "Give still meshes the motion of driving videos",
    settings: [
        {
            key: "table", type: "string", subtype: "file_path", visible: "submission",
            description: "A .csv or .json of shots, on storage that all workers see. Empty: the active object of this file",
        },
        {
            key: "rows", type: "string", default: "1", visible: "submission",
            description: "The table's rows, each a task of its own. Examples: '1-200', '3, 7-12'",
        },

        // One shot, where there is no table.
        { key: "blendfile", type: "string", required: true, visible: "web", description: "The file to animate" },
        {
            key: "object", type: "string", visible: "submission", eval: "C.object.name",
            evalInfo: { showLinkButton: true, description: "The active object" },
            description: "The mesh, or the armature of a rigged character",
        },
        {
            key: "video", type: "string", subtype: "file_path", visible: "submission", eval: "bpy.path.abspath(C.scene.animamimic.video)",
            evalInfo: { showLinkButton: true, description: "The driving video of the AnimaMimic panel" },
            description: "The driving video, on storage that all workers see",
        },
        { key: "out", type: "string", subtype: "file_path", visible: "submission", description: "The .blend to write" },
        {
            key: "options", type: "string", default: "", visible: "submission",
            description: "More options as on the command line, each with '=' before its value: --rig=keep --fit-resolution=384",
        },
    ],
};

const PYTHON = "{animamimic}";

function compileJob(job) {
    const tasks = job.settings.table ? tableTasks(job.settings) : [shotTask(job.settings)];
    for (const task of tasks) {
        job.addTask(task);
    }
}

/* A task for every row: each can run on another worker, and fail for itself. */
function tableTasks(settings) {
    return frameChunker(settings.rows, 1).map((row) => engineTask(`row-${row}`, ["batch", settings.table, `--rows=${row}`, "--jobs=1"]));
}

function shotTask(settings) {
    for (const key of ["video", "out"]) {
        if (!settings[key]) {
            throw `The setting '${key}' is empty. Give a table, or a video and a file to write.`;
        }
    }
    const object = settings.object ? [`--object=${settings.object}`] : [];
    const options = (settings.options || "").split(" ").filter((one) => one !== "");
    return engineTask("animate", ["animate", settings.blendfile, `--video=${settings.video}`, `--out=${settings.out}`, ...object, ...options]);
}

function engineTask(name, args) {
    const task = author.Task(name, "misc");
    task.addCommand(author.Command("exec", { exe: PYTHON, args: ["-m", "animamimic", ...args] }));
    return task;
}
