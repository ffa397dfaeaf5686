/* Stands in for Flamenco's manager: runs a job type's compileJob with the objects that the manager gives it, and prints the task tree.
 *
 * node manager.js JOB_TYPE.js SETTINGS_JSON
 */

const fs = require("fs");
const vm = require("vm");

const [source, settings] = process.argv.slice(2);

class Task {
    constructor(name, type) {
        this.tree = { name, type, commands: [], dependencies: [] };
    }
    addCommand(command) {
        this.tree.commands.push(command);
    }
    addDependency(task) {
        this.tree.dependencies.push(task.tree.name);
    }
}

const author = { Task: (name, type) => new Task(name, type), Command: (name, parameters) => ({ name, parameters }) };

/* "1-3, 7" in chunks of `size` -> ["1", "2", "3", "7"] for size 1. */
function frameChunker(frames, size) {
    const all = frames.split(",").flatMap((part) => {
        const [first, last] = part.trim().split("-").map(Number);
        return Array.from({ length: (last || first) - first + 1 }, (_, index) => first + index);
    });
    const chunks = [];
    for (let begin = 0; begin < all.length; begin += size) {
        const [first, last] = [all[begin], all[Math.min(begin + size, all.length) - 1]];
        chunks.push(first === last ? `${first}` : `${first}-${last}`);
    }
    return chunks;
}

const context = vm.createContext({ author, frameChunker, print: () => undefined });
vm.runInContext(fs.readFileSync(source, "utf-8") + "\nthis.found = { JOB_TYPE, compileJob };", context);
const { JOB_TYPE, compileJob } = context.found;
const defaults = Object.fromEntries(JOB_TYPE.settings.filter((one) => "default" in one).map((one) => [one.key, one.default]));
const tasks = [];
try {
    compileJob({ name: "test", settings: { ...defaults, ...JSON.parse(settings) }, addTask: (task) => tasks.push(task.tree) });
    console.log(JSON.stringify({ jobType: JOB_TYPE, tasks }));
} catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
}
