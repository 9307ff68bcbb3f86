// Under npx a command ends when npx does; elsewhere it may outlive its parent.

import { spawn } from "node:child_process"
import { once } from "node:events"
import { resolve } from "node:path"
import { buildSync } from "esbuild"
import { makeFolder } from "./cli-fixture"

const folder = makeFolder()
const script = `${folder.path}/child.js`
beforeAll(() => {
    const contents = `import { endWithParent } from "./end-with-parent"
        endWithParent(process.env)
        process.on("SIGTERM", () => { console.log("asked to end"); process.exit(0) })
        setTimeout(() => { console.log("went on"); process.exit(0) }, 1500)
        console.log("runs")`
    const resolveDir = resolve(__dirname, "../../host/cli")
    buildSync({ stdin: { contents, resolveDir, loader: "ts" }, bundle: true, platform: "node", outfile: script, tsconfigRaw: {} })
})
afterAll(() => folder.remove())

/** Starts a parent that starts the command, kills the parent with SIGKILL, and returns what the command wrote to its end. */
async function orphaned(command: string): Promise<string> {
    const started = `require("node:child_process").spawn(process.execPath, [${JSON.stringify(script)}], { stdio: "inherit" })`
    const code = `${started}; setInterval(() => 0, 1000)`
    const parent = spawn(process.execPath, ["-e", code], {
        env: { ...process.env, npm_command: command },
        stdio: ["ignore", "pipe", "inherit"],
    })
    let text = ""
    parent.stdout.setEncoding("utf8").on("data", (piece: string) => {
        text += piece
        if (piece.includes("runs")) parent.kill("SIGKILL")
    })
    await once(parent.stdout, "close")
    return text
}

test("a command under npx is asked to end", async () => {
    expect(await orphaned("exec")).toBe("runs\nasked to end\n")
})

test("any other command goes on", async () => {
    expect(await orphaned("")).toBe("runs\nwent on\n")
})
