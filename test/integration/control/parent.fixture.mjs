// A parent that forks a gateway, says when it has started, and waits to be killed.
import { fork } from "node:child_process";

const [script, file] = process.argv.slice(2);
const child = fork(script, [file]);
child.once("message", (message) => process.send(message));
setInterval(() => {}, 1000);
