// scripts/update with real scripts: what it gets, what its output means, and every way in which it can fail.

import { createHash } from "node:crypto"
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { STATUS_DONE, STATUS_OK, STATUS_SCRIPT } from "../../firmware/status"
import { createImageFile, type HostImageFile } from "../../shims/host/image-file"
import { makeFolder } from "./board-fixture"

const folder = makeFolder()
const path = join(folder.path, "update.zip")
const IMAGE = "PK\x03\x04\xff\x00 image"
const CHECKSUM = createHash("sha256").update(IMAGE, "latin1").digest("hex")
let wishes: string[] = []
let lines: string[] = []
let number = 0

afterAll(() => folder.remove())
beforeEach(() => {
    wishes = []
    lines = []
})

/** An image file whose script is `body`, run by sh. */
function withScript(body: string, timeoutS?: number): HostImageFile {
    const script = join(folder.path, `update-${++number}`)
    writeFileSync(script, `#!/bin/sh\n${body}\n`)
    chmodSync(script, 0o755)
    return createImageFile({ path, script, timeoutS, onWish: wish => void wishes.push(wish), log: line => void lines.push(line) })
}

function run(file: HostImageFile, checksum = CHECKSUM): Promise<number> {
    return new Promise(resolve => file.run(checksum, resolve))
}

function write(file: HostImageFile): void {
    file.write(0, IMAGE.slice(0, 5))
    file.write(5, IMAGE.slice(5))
}

test.each([
    ["nothing", "exit 0", STATUS_OK, []],
    ["something", "echo exit now", STATUS_OK, []],
    ["exit without its line feed", "printf exit", STATUS_OK, []],
    ["exit", "echo exit", STATUS_DONE, ["exit"]],
    ["restart", "echo restart", STATUS_DONE, ["restart"]],
])("a script that prints %s", async (_, body, status, wished) => {
    const file = withScript(body)
    write(file)
    expect([await run(file), wishes]).toEqual([status, wished])
    expect(existsSync(path)).toBe(false)
})

test("the script gets the path of the whole image, and no shell reads it", async () => {
    const copy = join(folder.path, "copy")
    const file = withScript(`[ $# = 1 ] && cp "$1" "${copy}"`)
    write(file)
    expect(await run(file)).toBe(STATUS_OK)
    expect(readFileSync(copy, "latin1")).toBe(IMAGE)
})

test.each([
    ["fails", "echo exit; exit 3"],
    ["kills itself", "kill -9 $$"],
    ["prints without end", "yes"],
])("a script that %s is STATUS_SCRIPT", async (_, body) => {
    const file = withScript(body)
    write(file)
    expect([await run(file), wishes, existsSync(path)]).toEqual([STATUS_SCRIPT, [], false])
    expect(lines.join()).toMatch(/script .* failed/)
})

test("a script that hangs is ended after its time", async () => {
    const file = withScript("exec sleep 60", 0.2)
    write(file)
    expect(await run(file)).toBe(STATUS_SCRIPT)
})

test("a wrong checksum keeps the image from the script; an unknown one does not", async () => {
    const file = withScript("exit 0")
    write(file)
    expect(await run(file, "0".repeat(64))).toBe(STATUS_SCRIPT)
    expect([lines.join(), existsSync(path)]).toEqual([expect.stringMatching(/SHA-256 is .* instead of 0000/), false])
    write(file)
    expect(await run(file, "")).toBe(STATUS_OK)
})

test("no image, no script file, and an image beyond the limit are STATUS_SCRIPT", async () => {
    expect(await run(withScript("exit 0"))).toBe(STATUS_SCRIPT)
    const gone = createImageFile({ path, script: join(folder.path, "absent"), onWish: () => undefined, log: () => undefined })
    write(gone)
    expect(await run(gone)).toBe(STATUS_SCRIPT)
    const large = withScript("exit 0")
    large.write(67_108_864, "x")
    expect(await run(large, "")).toBe(STATUS_SCRIPT)
})

test("a new image replaces the longer one of before, and pieces that are kept go on in another process", async () => {
    const first = withScript("exit 0")
    first.write(0, "x".repeat(1000))
    const second = withScript("exit 0")
    second.write(0, IMAGE.slice(0, 5))
    const third = withScript("exit 0")
    third.write(5, IMAGE.slice(5))
    expect(await run(third)).toBe(STATUS_OK)
})

test("after stop nobody hears of the script", async () => {
    const file = withScript("exec sleep 60")
    write(file)
    let calls = 0
    file.run(CHECKSUM, () => void calls++)
    file.stop()
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(calls).toBe(0)
})
