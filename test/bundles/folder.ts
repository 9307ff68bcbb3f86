// Folders to pack, made for one test and removed after it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

const made: string[] = []
afterEach(() => made.splice(0).forEach(folder => rmSync(folder, { recursive: true, force: true })))

/** A new folder that holds `files`, by path; it goes away after the test. Returns its path. */
export function makeFolder(files: Record<string, string | Buffer> = {}): string {
    const folder = mkdtempSync(join(tmpdir(), "otary-pack-"))
    made.push(folder)
    for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true })
        writeFileSync(join(folder, name), text)
    }
    return folder
}

/** An app that uses everything a folder can hold. */
export const APP: Record<string, string | Buffer> = {
    "app.ts": `
        import { log, rWatch, SIGNAL_UPDATE } from "otary"
        const greeting: string = "grüezi"
        rWatch(SIGNAL_UPDATE, () => log(greeting), undefined)
    `,
    "otary.json5":
        '{ name: "demo", version: "1.2.0", description: "für Tests", product: "P1", requires: ">=1.0.0 <2.0.0", security: 3 }',
    "device.json5": '{ model: "Blank-01", ports: 32 }',
    "config.json5":
        '{ api: "http://127.0.0.1:1", update: { period: "24 hrs", jitter: 5 }, timeouts: { api: "30 secs" }, webSockets: {} }',
    "files/etc/greeting.txt": "hello\n",
    "files/logo.bin": Buffer.from(Uint8Array.from({ length: 5000 }, (_, at) => (at * 7) % 256)),
}
