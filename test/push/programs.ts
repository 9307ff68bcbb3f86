// Programs for tests of ports, on the engines: a bundle of a few lines over the shim, run as if it were a boot loader.

import { mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { bundleEspruinoScript } from "../../build/bundle-espruino"
import { bundleLua } from "../../build/lua/compile"
import { projectRoot } from "../../build/root"
import { createLuaBoot } from "../../host/board/engines/lua/boot"
import { encodeLoader } from "../../host/board/boot-rom"
import { createBoard } from "../../host/board/board"
import { runEspruino } from "../../host/board/engines/espruino-process"
import { makeLayout } from "../../host/board/layout"
import { createRealClock } from "../../shims/host/clock"
import { createHttp } from "../../shims/host/net"
import { createNorFlash } from "../../shims/host/nor-flash"
import { burn } from "../board/board-fixture"
import { ESPRUINO } from "../engines/espruino/real"

/** A program that runs; what it prints as `told X` are its events. */
export interface Program {
    readonly events: string[]
    readonly lines: string[]
    stop(this: void): void
}

const LAYOUT = makeLayout({ loaderBytes: 65536 })

function hear(lines: string[], events: string[]): (line: string) => void {
    return line => {
        lines.push(line)
        if (line.startsWith("told ")) events.push(line.slice(5))
    }
}

/** Runs TypeScript text on a Lua machine; it imports from the project's folder, and ends with its first panic. */
export function runOnLuaMachine(version: "5.1" | "5.3", text: string): Program {
    const root = projectRoot()
    const path = resolve(root, "otary-program.ts")
    const code = bundleLua({ root, entries: [path], virtual: [{ path, text }] }, {})
    const flash = createNorFlash(LAYOUT)
    burn(flash, LAYOUT.regions.loader.offsetBytes, encodeLoader(code))
    const clock = createRealClock()
    const lines: string[] = []
    const events: string[] = []
    const board = createBoard({
        flash,
        layout: LAYOUT.regions,
        clock,
        http: createHttp(clock),
        createBoot: rom => createLuaBoot(rom, { version, open: () => undefined }),
        log: hear(lines, events),
    })
    board.powerOn()
    return { events, lines, stop: board.powerOff }
}

/** Runs TypeScript text on the real Espruino, in `folder`. */
export async function runOnEspruino(folder: string, text: string): Promise<Program> {
    mkdirSync(folder, { recursive: true })
    const path = join(folder, "program.js")
    writeFileSync(path, await bundleEspruinoScript(text, {}), "latin1")
    const lines: string[] = []
    const events: string[] = []
    const run = runEspruino(ESPRUINO, [path], folder, hear(lines, events))
    return { events, lines, stop: run.kill }
}
