// First installation with the real loader and packed images: the board boots what the factory put on it.

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundleLoader } from "../../build/bundle-host"
import { packFolder } from "../../build/pack"
import { installBoard, type Installation } from "../../host/board/install"
import { makeLayout, type BoardLayout } from "../../host/board/layout"
import { STATUS_BLOCK_HASH, STATUS_NO_ROOM, STATUS_TRUNCATED, STATUS_ZIP_FORMAT } from "../../firmware/status"
import { createNorFlash, type NorFlash } from "../../shims/host/nor-flash"
import { RECORD_BYTES, RECORD_OFFSETS } from "../firmware/core"
import { makeBoard, makeFolder, type TestBoard } from "./board-fixture"

const APP = `
    import { bootState, fileList, fileRead, log, version } from "otary"
    const state = bootState()
    log([version(), state.activeSlot, state.revertSlot, state.isCommitted, state.lastResult].join(" "))
    log(fileList().sort().join(" "))
    log(String(fileRead("greeting.txt")) + " " + fileRead("device.json"))`

const folder = makeFolder()
const device = JSON.stringify({ id: "b1", product: "p1" })
let loader = ""
let image: Buffer = Buffer.alloc(0)
let bare: Buffer = Buffer.alloc(0)

function writeApp(name: string, files: Record<string, string>): string {
    const path = join(folder.path, name)
    mkdirSync(join(path, "files"), { recursive: true })
    writeFileSync(join(path, "app.js"), APP)
    writeFileSync(join(path, "otary.json5"), `{ name: "demo", version: "1.2.0", security: 3, requires: ">=2.0.0" }`)
    for (const [file, content] of Object.entries(files)) writeFileSync(join(path, "files", file), content)
    return path
}

beforeAll(async () => {
    loader = (await bundleLoader()).toString("latin1")
    image = (await packFolder(writeApp("full", { "greeting.txt": "hello", "device.json": "{}" }))).bytes
    bare = (await packFolder(writeApp("bare", {}))).bytes
})
afterAll(() => folder.remove())

function install(layout: BoardLayout, installation: Partial<Installation> = {}): { flash: NorFlash; board: TestBoard } {
    const flash = createNorFlash(layout)
    installBoard(flash, layout.regions, { loader, image, files: { "device.json": device }, ...installation })
    return { flash, board: makeBoard(flash, { layout: layout.regions }) }
}

test.each([
    ["the default board", {}],
    ["small units", { eraseBytes: 1024, programBytes: 1 }],
    ["large units", { eraseBytes: 65536, programBytes: 32, loaderBytes: 65536, journalBytes: 262144 }],
])("%s boots the image: committed, with the image's files and the factory's own", (_, geometry) => {
    const notified: unknown[] = []
    const layout = makeLayout(geometry)
    const { flash } = install(layout)
    const { board, lines, panics } = makeBoard(flash, {
        layout: layout.regions,
        notify: (name, value) => void notified.push([name, value]),
    })
    board.powerOn()
    expect([panics, lines[0]]).toEqual([[], expect.stringMatching(/^agent: no cloud/)])
    expect(lines.slice(1)).toEqual(["1.2.0 0 -1 true 0", "device.json greeting.txt", `hello ${device}`])
    expect(notified).toContainEqual(["version", "1.2.0"])
    board.powerOff()
})

test("an image without files gets an area of its own, and the same installation gives the same flash", () => {
    const { board, flash } = install(makeLayout(), { image: bare })
    const again = install(makeLayout(), { image: bare })
    expect(again.flash.array.equals(flash.array)).toBe(true)
    board.board.powerOn()
    expect(board.lines.slice(1)).toEqual(["1.2.0 0 -1 true 0", "device.json", `undefined ${device}`])
    board.board.powerOff()
})

test("the boot record takes the image's security counter over", () => {
    const layout = makeLayout()
    const { flash } = install(layout)
    const records = RECORD_OFFSETS.map(offset =>
        Buffer.from(flash.read(layout.regions.boot.offsetBytes + offset, RECORD_BYTES), "latin1"),
    ).filter(bytes => bytes.toString("latin1", 0, 4) === "OTB1")
    const record = records.reduce((a, b) => (a.readUInt32LE(4) < b.readUInt32LE(4) ? a : b))
    expect([record.toString("latin1", 0, 4), record.readUInt32LE(20), record[8], record[9], record[12]]).toEqual([
        "OTB1",
        3,
        0,
        255,
        1,
    ])
})

test("a bad image is refused with the firmware's status", () => {
    const bent = Buffer.from(image)
    // Inside the app's code, which makes up most of the image.
    bent[bent.length >> 1]! ^= 1
    const cases: [Buffer, BoardLayout, number][] = [
        [bent, makeLayout(), STATUS_BLOCK_HASH],
        [image.subarray(0, image.length - 10), makeLayout(), STATUS_TRUNCATED],
        [Buffer.from("no image at all, but long enough to be looked at"), makeLayout(), STATUS_ZIP_FORMAT],
        [image, makeLayout({ appBytes: 4096 }), STATUS_NO_ROOM],
    ]
    for (const [bytes, layout, status] of cases) {
        expect(() => install(layout, { image: bytes })).toThrow(expect.objectContaining({ code: "BOARD_INSTALL", status }))
    }
})

test("a loader that does not fit, and a file that does not fit, are told", () => {
    expect(() => install(makeLayout({ loaderBytes: 4096 }))).toThrow(/the boot loader has \d+ bytes, and its region holds 4096/)
    const large = { "big.bin": "x".repeat(65_000), "other.bin": "y".repeat(65_000) }
    expect(() => install(makeLayout(), { files: large })).toThrow(/the file (big|other).bin cannot be written/)
    expect(() => install(makeLayout(), { files: { "bad name": "x" } })).toThrow(
        expect.objectContaining({ hint: expect.stringMatching(/./) }),
    )
})
