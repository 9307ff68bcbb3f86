// Images for Lua boards, packed as `otary pack --target nodemcu` does it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { packFolder } from "../../../build/pack"

/** What goes into an image. */
export interface AppImage {
    readonly version: string
    /** app.ts; default: nothing. */
    readonly app?: string
    readonly config?: Record<string, unknown>
    readonly device?: Record<string, unknown>
    readonly files?: Record<string, string>
}

/** Packs an image. */
export async function packApp({ version, app = "", config = {}, device = {}, files = {} }: AppImage): Promise<Buffer> {
    const folder = mkdtempSync(join(tmpdir(), "otary-lua-"))
    try {
        const texts: Record<string, string> = {
            "app.ts": `// An app.\nimport "otary"\n${app}`,
            "otary.json5": JSON.stringify({ name: "demo", version, target: "nodemcu" }),
            "config.json5": JSON.stringify(config),
            "device.json5": JSON.stringify(device),
            ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`files/${name}`, text])),
        }
        for (const [name, text] of Object.entries(texts)) {
            mkdirSync(dirname(join(folder, name)), { recursive: true })
            writeFileSync(join(folder, name), text)
        }
        return (await packFolder(folder)).bytes
    } finally {
        rmSync(folder, { recursive: true, force: true })
    }
}
