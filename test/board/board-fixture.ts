// Boards for tests: small flash, handwritten loaders and slots, and a folder with a board in it.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { buildSync } from "esbuild"
import { createBoard, type Board, type BoardOptions, type ResetCause } from "../../host/board/board"
import { boardPaths, writeSettings } from "../../host/board/board-folder"
import { encodeLoader } from "../../host/board/boot-rom"
import { writeFlashFile } from "../../host/board/flash-file"
import { makeLayout, type BoardLayout } from "../../host/board/layout"
import { createVirtualClock, type VirtualClock } from "../../shims/host/clock"
import { createHttp } from "../../shims/host/net"
import { createNorFlash, type NorFlash } from "../../shims/host/nor-flash"

/** 88 KiB of flash: what a handwritten loader needs. */
export const SMALL_LAYOUT: BoardLayout = makeLayout({
    loaderBytes: 4096,
    journalBytes: 4096,
    appBytes: 8192,
    filesBytes: 8192,
})

/** Programs text into a chip, padded to whole units. */
export function burn(flash: NorFlash, address: number, text: string): void {
    const padded = text.padEnd(Math.ceil(text.length / flash.programBytes) * flash.programBytes, "\xff")
    if (flash.program(address, padded) !== 0) throw new Error("the chip failed")
}

/** A chip with this loader, and with code in the app slots. */
export function chipWith(loader: string, app0 = "", app1 = ""): NorFlash {
    const flash = createNorFlash(SMALL_LAYOUT)
    burn(flash, SMALL_LAYOUT.regions.loader.offsetBytes, encodeLoader(loader))
    if (app0 !== "") burn(flash, SMALL_LAYOUT.regions.app0.offsetBytes, app0)
    if (app1 !== "") burn(flash, SMALL_LAYOUT.regions.app1.offsetBytes, app1)
    return flash
}

/** A loader that runs slot 0 of `lengthBytes` with the watchdog at 10 s. */
export function loaderOf(app: string): string {
    return `hardware.watchdog(10); hardware.run(hardware.layout.app0.offsetBytes, ${app.length})`
}

/** A board in this process with everything that it told. */
export interface TestBoard {
    readonly board: Board
    readonly flash: NorFlash
    readonly clock: VirtualClock
    readonly lines: string[]
    readonly boots: ResetCause[]
    readonly panics: unknown[]
}

/** A board with a virtual clock, switched off. */
export function makeBoard(flash: NorFlash, options: Partial<BoardOptions> = {}): TestBoard {
    const clock = createVirtualClock()
    const lines: string[] = []
    const boots: ResetCause[] = []
    const panics: unknown[] = []
    const board = createBoard({
        flash,
        layout: SMALL_LAYOUT.regions,
        clock,
        http: createHttp(clock),
        log: line => void lines.push(line),
        onBoot: cause => void boots.push(cause),
        onPanic: error => void panics.push(error),
        ...options,
    })
    return { board, flash, clock, lines, boots, panics }
}

/** A temporary folder; remove() takes it away. */
export function makeFolder(): { path: string; remove(): void } {
    const path = mkdtempSync(join(tmpdir(), "otary-board-"))
    return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Puts a board with this loader and app into a folder. */
export function writeBoard(folder: string, loader: string, app0 = "", script = ""): void {
    const flash = chipWith(loader, app0)
    writeSettings(folder, { format: 1, id: "board-1", layout: SMALL_LAYOUT, script })
    writeFlashFile(boardPaths(folder).flash, flash.array, flash.eraseCounts)
}

/** Builds the program of a board's process into a folder. Returns its path. */
export function buildChild(folder: string): string {
    const path = join(folder, "board-child.js")
    buildSync({
        absWorkingDir: resolve(__dirname, "../.."),
        entryPoints: ["host/board/child.ts"],
        outfile: path,
        bundle: true,
        platform: "node",
        target: "node20",
        format: "cjs",
        packages: "external",
        logLevel: "silent",
    })
    return path
}

/** Waits until `isTrue` holds. */
export async function until(isTrue: () => boolean, what: string, limitMs = 10_000): Promise<void> {
    const endMs = performance.now() + limitMs
    while (!isTrue()) {
        if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`)
        await new Promise(resolve => setTimeout(resolve, 10))
    }
}
