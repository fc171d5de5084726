// A parent that forks a gateway, says when it has started, and waits to be killed.
import { fork } from "node:child_process";
import { join } from "node:path";

const script = join(import.meta.dirname, "../../../src/gateway/main.ts");
const child = fork(script, [process.argv[2]], { execArgv: ["--import", "tsx"] });
child.once("message", (message) => process.send(message));
setInterval(() => {}, 1000);
