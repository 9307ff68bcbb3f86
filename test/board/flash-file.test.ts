// The flash in a file: kept byte by byte over process ends, torn where a kill hits, and refused when it does not fit.

import { spawn } from "node:child_process"
import { readFileSync, statSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { buildSync } from "esbuild"
import { openFlashFile, writeFlashFile } from "../../host/board/flash-file"
import { createNorFlash, type NorFlash } from "../../shims/host/nor-flash"
import { makeFolder, SMALL_LAYOUT } from "./board-fixture"

const { sizeBytes, eraseBytes } = SMALL_LAYOUT
const folder = makeFolder()
const path = join(folder.path, "flash.bin")

afterAll(() => folder.remove())

function writeBlank(): void {
    const blank = createNorFlash(SMALL_LAYOUT)
    writeFlashFile(path, blank.array, blank.eraseCounts)
}

function open(): { flash: NorFlash; close(): void } {
    const file = openFlashFile(path, sizeBytes, eraseBytes)
    return { flash: createNorFlash({ ...SMALL_LAYOUT, store: file.store }), close: file.close }
}

test("keeps cells, erase counts, and what counts as programmed", () => {
    writeBlank()
    const first = open()
    first.flash.program(16, "0123456789abcdef")
    first.flash.erase(4096)
    first.flash.erase(4096)
    // Every operation is in the file when it returns: nothing is closed or flushed here.
    const second = open()
    expect(second.flash.array.equals(first.flash.array)).toBe(true)
    expect([...second.flash.eraseCounts].slice(0, 3)).toEqual([0, 2, 0])
    expect(() => second.flash.program(16, "0123456789abcdef")).toThrow(/already programmed/)
    expect(readFileSync(path, "latin1").slice(16, 32)).toBe("0123456789abcdef")
    first.close()
    second.close()
})

test("refuses a file of another size, and a missing one", () => {
    writeBlank()
    truncateSync(path, statSync(path).size - 1)
    expect(open).toThrow(
        expect.objectContaining({ code: "BOARD_FLASH_FILE", message: expect.stringMatching(/bytes where board.json asks for/) }),
    )
    expect(() => openFlashFile(join(folder.path, "absent"), sizeBytes, eraseBytes)).toThrow(
        expect.objectContaining({ code: "BOARD_FLASH_FILE", message: expect.stringMatching(/ENOENT/) }),
    )
})

/** Programs and erases one unit for ever: each round writes its number into every 16 bytes. */
const WRITER = `
    import { openFlashFile } from "./host/board/flash-file"
    import { createNorFlash } from "./shims/host/nor-flash"
    const [path, size] = process.argv.slice(2)
    const { store } = openFlashFile(path, Number(size), 4096)
    const flash = createNorFlash({ sizeBytes: Number(size), eraseBytes: 4096, programBytes: 16, store })
    for (let round = 1; ; round++) {
        if (round === 2) process.stdout.write("ready")
        flash.erase(4096)
        flash.program(4096, String(round).padStart(16, "0").repeat(256))
    }`

test("a kill at any moment leaves what a power cut leaves: a prefix of the operation under way", async () => {
    const writer = join(folder.path, "writer.js")
    const stdin = { contents: WRITER, resolveDir: join(__dirname, "../.."), loader: "ts" as const }
    buildSync({ stdin, outfile: writer, bundle: true, platform: "node", format: "cjs", logLevel: "silent" })
    for (let kill = 0; kill < 12; kill++) {
        writeBlank()
        const child = spawn(process.execPath, [writer, path, String(sizeBytes)], { stdio: ["ignore", "pipe", "inherit"] })
        await new Promise(resolve => child.stdout.once("data", resolve))
        await new Promise(resolve => setTimeout(resolve, kill))
        const ended = new Promise(resolve => child.once("exit", resolve))
        child.kill("SIGKILL")
        await ended
        const { flash, close } = open()
        close()
        expect(flash.eraseCounts[1]).toBeGreaterThan(0)
        const units = flash.read(4096, 4096).match(/.{16}/gs)!
        const runs = units.filter((unit, i) => unit !== units[i - 1])
        // All of one round, or: the new state in front, the old one behind; never a mix beyond that.
        expect(runs.length).toBeLessThanOrEqual(2)
        expect(flash.read(0, 4096)).toBe("\xff".repeat(4096))
    }
})
