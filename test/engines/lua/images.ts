// Images for Lua boards, packed as `otary pack --target nodemcu` does it: one app that does as it is told, so that it is compiled once.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { packFolder } from "../../../build/pack"

/** What goes into an image. */
export interface AppImage {
    readonly version: string
    /** What the app does at its start; default: nothing. */
    readonly does?: "tell" | "throw" | "hang" | "starve" | "fall"
    /** Bytes of text that make the app large. */
    readonly padBytes?: number
    readonly config?: Record<string, unknown>
    readonly files?: Record<string, string>
    /** Native firmware that the image brings. */
    readonly native?: Buffer
    /** Default: "nodemcu". */
    readonly target?: "nodemcu" | "nodemcu-esp8266"
}

const APP = `// An app that does as its image says.
import { deviceProperties, fileList, fileRead, log, rWatch, SIGNAL_PROGRESS, SIGNAL_UPDATE } from "otary"
declare const crypto: { new_hash: unknown }
declare function error(message: string): never
const { does } = deviceProperties()
if (does === "throw") throw new Error("broken from the start")
while (does === "hang") {}
if (does === "starve") {
    // Once, in the middle of a download, the chip has no memory for a hash.
    let isDone = false
    rWatch(SIGNAL_PROGRESS, (_, percent) => {
        if (isDone || (percent as number) < 50) return
        isDone = true
        const plain = crypto.new_hash
        crypto.new_hash = (): never => {
            crypto.new_hash = plain
            return error("not enough memory")
        }
    }, undefined)
}
if (does === "fall") {
    rWatch(SIGNAL_UPDATE, () => {
        throw new Error("no update, please")
    }, undefined)
}
if (does === "tell") log("files " + fileList().length + " " + fileRead("user.txt") + " " + fileRead("page.html"))
`

let folder = ""

/** The folder of the app: a bundler that sees the same file again has it already. */
function appFolder(): string {
    if (folder === "") {
        const path = mkdtempSync(join(tmpdir(), "otary-lua-"))
        process.on("exit", () => rmSync(path, { recursive: true, force: true }))
        writeFileSync(join(path, "app.ts"), APP)
        folder = path
    }
    return folder
}

/** Packs an image. Contract: one at a time. */
export async function packApp({
    version,
    does,
    padBytes = 0,
    config = {},
    files = {},
    native,
    target = "nodemcu",
}: AppImage): Promise<Buffer> {
    const path = appFolder()
    if (native !== undefined) writeFileSync(join(path, "nodemcu.bin"), native)
    const fw = native && "nodemcu.bin"
    const texts: Record<string, string> = {
        "otary.json5": JSON.stringify({ name: "demo", version, target, fw }),
        "config.json5": JSON.stringify({ ...config, pad: "x".repeat(padBytes) }),
        "device.json5": JSON.stringify({ does }),
        ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`files/${name}`, text])),
    }
    rmSync(join(path, "files"), { recursive: true, force: true })
    for (const [name, text] of Object.entries(texts)) {
        mkdirSync(dirname(join(path, name)), { recursive: true })
        writeFileSync(join(path, name), text)
    }
    return (await packFolder(path)).bytes
}
