// A supervisor in a process of its own, so that it can be killed as `otary board` can be.

import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { createInterface } from "node:readline"
import { buildSync } from "esbuild"
import type { BoardMessage } from "../../host/board/messages"
import { buildChild } from "./board-fixture"

const PROGRAM = `
    import { createSupervisor } from "./host/board/supervisor"
    const [folder, childPath] = process.argv.slice(2)
    const onMessage = message => process.stdout.write(JSON.stringify(message) + "\\n")
    createSupervisor({ folder, childPath, onMessage }).start()`

/** The process, with what its supervisor has told. */
export interface SupervisorProcess {
    readonly messages: BoardMessage[]
    /** Kills it with SIGKILL; resolves when it is gone. The board's process is on its own then. */
    kill(): Promise<void>
}

/** Starts a supervisor for the board in `folder`. What is built goes to the folder `build`. */
export function startSupervisorProcess(folder: string, build: string): SupervisorProcess {
    const path = join(build, "supervisor.js")
    const childPath = join(build, "board-child.js")
    if (!existsSync(childPath)) buildChild(build)
    if (!existsSync(path)) {
        const stdin = { contents: PROGRAM, resolveDir: resolve(__dirname, "../.."), loader: "ts" as const }
        buildSync({ stdin, outfile: path, bundle: true, platform: "node", format: "cjs", logLevel: "silent" })
    }
    const child = spawn(process.execPath, [path, folder, childPath], { stdio: ["ignore", "pipe", "inherit"] })
    const messages: BoardMessage[] = []
    createInterface({ input: child.stdout }).on("line", line => void messages.push(JSON.parse(line) as BoardMessage))
    const kill = (): Promise<void> =>
        new Promise(resolveGone => {
            child.once("close", () => resolveGone())
            child.kill("SIGKILL")
        })
    return { messages, kill }
}
