// A real Espruino whose Storage is damaged: what the engine wipes, what the board survives, and that nothing moves the board's images.

import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { runEspruino } from "../../../host/board/engines/espruino-process"
import { ESPRUINO_MODELS, espruinoFileBytes, STORAGE_HEAD_BYTES } from "../../../host/board/engines/espruino-layout"
import { makeFolder, until } from "../../board/board-fixture"
import { installEspruino, packApp } from "./fixture"
import { describeEspruino, ESPRUINO } from "./real"

const { pageBytes } = ESPRUINO_MODELS.linux
/** Where the Storage files behind the board's own begin: a page boundary. */
const REST_AT = STORAGE_HEAD_BYTES + espruinoFileBytes(ESPRUINO_MODELS.linux)
const FLASH_FILE = "espruino.flash"
const home = makeFolder()
const sound = join(home.path, "sound")

/** Longest run of resets that mend something. */
const RESETS_MAX = 3
const APP_RUNS = "app 1.0.0"
const WIPED = "Erase complete."

/** Runs Espruino in a board's folder, which starts the board, and `code` behind that. Resolves with the lines up to one of `lasts`. */
async function runBoard(folder: string, lasts: readonly string[], code = ""): Promise<string[]> {
    const lines: string[] = []
    for (let resets = 0; resets < RESETS_MAX && !lines.some(line => lasts.includes(line)); resets++) {
        const run = runEspruino(ESPRUINO, ["-e", code], folder, line => void lines.push(line))
        let hasEnded = false
        void run.ended.then(() => (hasEnded = true))
        await until(() => hasEnded || lines.some(line => lasts.includes(line)), "a last line", 20_000)
        run.kill()
        await run.ended
    }
    return lines
}

/** Runs code on a board that works. Errors: throws unless it came to its end. */
async function runOnBoard(folder: string, code: string): Promise<void> {
    const lines = await runBoard(folder, ["code done"], `${code};print("code done")`)
    if (!lines.includes("code done")) throw new Error(`not done: ${lines.join(" / ")}`)
}

/** What becomes of a board: its app runs, or Espruino wipes Storage ahead of any code. */
async function fateOf(folder: string): Promise<string> {
    const lines = await runBoard(folder, [APP_RUNS, WIPED])
    return lines.find(line => line === APP_RUNS || line === WIPED) ?? lines.join(" / ")
}

/** Address of a Storage file's head behind the board's own; of the free area, where there is no such file. */
function headAt(flash: Buffer, name: string): number {
    let at = REST_AT
    for (;;) {
        const size = flash.readUInt32LE(at)
        if (size === 0xffffffff || flash.toString("latin1", at + 4, at + 4 + name.length) === name) return at
        at += STORAGE_HEAD_BYTES + ((size + 3) & ~3)
    }
}

/** What programming does to flash: bits only go from 1 to 0. */
function program(flash: Buffer, at: number, bytes: Buffer): void {
    for (let i = 0; i < bytes.length; i++) flash[at + i]! &= bytes[i]!
}

function headOf(sizeBytes: number, name: string): Buffer {
    const head = Buffer.alloc(STORAGE_HEAD_BYTES)
    head.writeUInt32LE(sizeBytes)
    head.write(name, 4)
    return head
}

/** What happens to a sound flash. */
type Damage = (flash: Buffer) => void

const freeAt = (flash: Buffer): number => headAt(flash, "nothing has this name")

/** Damage that the board survives: some by itself, some because the engine does not mind. */
const SURVIVED: Record<string, Damage> = {
    "the name of the board's file has lost bits": flash => void (flash[4] = 0x20),
    "the board's file was erased by name": flash => program(flash, 4, Buffer.alloc(4)),
    "the flags of the board's file have lost a bit": flash => void (flash[3]! |= 0x20),
    "the size of the board's file has lost its low bit": flash => void (flash[1]! &= 0xfe),
    "the boot loader was erased by name": flash => program(flash, headAt(flash, ".boot0") + 4, Buffer.alloc(4)),
    "the boot loader has lost a byte": flash => void (flash[headAt(flash, ".boot0") + STORAGE_HEAD_BYTES + 1000] = 0),
    "the boot loader's first byte is lost": flash => void (flash[headAt(flash, ".boot0") + STORAGE_HEAD_BYTES] = 0),
    "a user's head: its size alone": flash => program(flash, freeAt(flash), headOf(300, "").subarray(0, 4)),
    "a user's head: half of its size": flash => program(flash, freeAt(flash), headOf(300, "").subarray(0, 1)),
    "a user's head: its name without its size": flash => program(flash, freeAt(flash) + 4, headOf(300, "user").subarray(4)),
    "a user's head, and nothing behind it": flash => program(flash, freeAt(flash), headOf(300, "user")),
    "a user's head of size zero": flash => program(flash, freeAt(flash), headOf(0, "user")),
    "a user's head larger than Storage": flash => program(flash, freeAt(flash), headOf(0x7fffff, "user")),
    "bytes in the free area": flash => void flash.fill(0x55, freeAt(flash) + 2000, freeAt(flash) + 2100),
}

/** Damage at which Espruino wipes Storage before it runs any code. */
const WIPING: Record<string, Damage> = {
    "the size of the board's file is larger than Storage": flash => void (flash[2] = 0x7f),
    "the head of the board's file is blank": flash => void flash.fill(0xff, 0, STORAGE_HEAD_BYTES),
    "the head of the board's file is zero": flash => void flash.fill(0, 0, STORAGE_HEAD_BYTES),
    "the boot loader's size has lost bits": flash => void (flash[headAt(flash, ".boot0") + 1]! &= 0x03),
    "bytes at the start of the next page": flash => {
        const nextPage = Math.ceil(freeAt(flash) / pageBytes) * pageBytes
        flash.fill(0x55, nextPage, nextPage + 100)
    },
    "the page behind the board's file is blank": flash => void flash.fill(0xff, REST_AT, REST_AT + pageBytes),
    "an erased page among the user's": flash => {
        const page = Math.ceil(freeAt(flash) / pageBytes) * pageBytes
        program(flash, freeAt(flash), headOf(3000, "user"))
        flash.fill(0x41, freeAt(flash), freeAt(flash) + 3000)
        flash.fill(0xff, page, page + pageBytes)
    },
}

/** Heads that a power cut has torn: the next write of the app goes over them, and its content into the page behind. */
const TORN: Record<string, Damage> = {
    "half of a size": SURVIVED["a user's head: half of its size"]!,
    "no size, half of a name": flash => program(flash, freeAt(flash) + 4, Buffer.from("us")),
    "a size with bits left over": flash => program(flash, freeAt(flash), headOf(300 | 0xf00000, "user")),
}

/** A board of its own with this damage. Returns its folder. */
function damagedBoard(damage: Damage): string {
    const folder = join(home.path, "damaged")
    rmSync(folder, { recursive: true, force: true })
    cpSync(sound, folder, { recursive: true })
    const flash = readFileSync(join(folder, FLASH_FILE))
    damage(flash)
    writeFileSync(join(folder, FLASH_FILE), flash)
    return folder
}

function flashOf(folder: string): Buffer {
    return readFileSync(join(folder, FLASH_FILE))
}

describeEspruino("a damaged Storage", () => {
    beforeAll(async () => {
        await installEspruino(sound, await packApp(home.path, { version: "1.0.0" }), "http://127.0.0.1:9")
    }, 60_000)
    afterAll(() => home.remove())

    test.each(Object.entries(SURVIVED))(
        "the board survives: %s",
        async (_, damage) => {
            const folder = damagedBoard(damage)
            expect([await fateOf(folder), await fateOf(folder)]).toEqual([APP_RUNS, APP_RUNS])
            // Whatever the engine does with other files from now on, it knows the board's again.
            await runOnBoard(folder, "")
            expect(flashOf(folder).subarray(0, STORAGE_HEAD_BYTES)).toEqual(flashOf(sound).subarray(0, STORAGE_HEAD_BYTES))
        },
        60_000,
    )

    test.each(Object.entries(WIPING))(
        "Espruino wipes it: %s",
        async (_, damage) => {
            expect(await fateOf(damagedBoard(damage))).toBe(WIPED)
        },
        60_000,
    )

    test.each(Object.entries(TORN))(
        "a torn head is out of the way before the app writes: %s",
        async (_, damage) => {
            const folder = damagedBoard(damage)
            await runOnBoard(folder, `require("Storage").write("user", "u".repeat(3000))`)
            expect(await fateOf(folder)).toBe(APP_RUNS)
            await runOnBoard(folder, `if (require("Storage").read("user") !== "u".repeat(3000)) throw new Error("no file")`)
        },
        60_000,
    )

    test("compaction never touches the board's file", async () => {
        const folder = damagedBoard(() => undefined)
        const before = flashOf(folder).subarray(0, REST_AT)
        const rounds = `for (var i = 0; i < 40; i++) { s.write("a" + i % 3, "a".repeat(100 + i * 37)); if (i % 5 === 0) s.erase("a1") }`
        await runOnBoard(folder, `var s = require("Storage"); ${rounds}; s.erase(".boot1"); s.compact()`)
        const after = flashOf(folder)
        expect(after.subarray(0, REST_AT).equals(before)).toBe(true)
        expect(after.subarray(REST_AT).equals(flashOf(sound).subarray(REST_AT))).toBe(false)
        expect(await fateOf(folder)).toBe(APP_RUNS)
    }, 60_000)
})
