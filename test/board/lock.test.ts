// Locks: one living owner at a time, and no trace of a dead one that anybody has to clear away.

import { spawn, type ChildProcess } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { takeLock, waitForLock } from "../../host/board/lock"
import { makeFolder } from "./board-fixture"

const folder = makeFolder()
const path = join(folder.path, "lock")
let sleeper: ChildProcess

beforeAll(() => {
    sleeper = spawn(process.execPath, ["-e", "setTimeout(() => {}, 30000)"], { stdio: "ignore" })
})
afterAll(() => {
    sleeper.kill("SIGKILL")
    folder.remove()
})

test("is held by one, freed, and taken again", () => {
    const lock = takeLock(path, "the board")
    expect(readFileSync(path, "utf8")).toMatch(new RegExp(`^${process.pid}( \\d+)?\\n$`))
    expect(() => takeLock(path, "the board")).toThrow(
        expect.objectContaining({ code: "BOARD_LOCKED", message: expect.stringMatching(/the board is in use by process \d+/) }),
    )
    lock.release()
    expect(existsSync(path)).toBe(false)
    takeLock(path, "the board").release()
})

test.each([
    ["a process that is gone", "4194300 5\n"],
    ["a process id that belongs to somebody younger now", `${process.pid} 1\n`],
    ["nobody", ""],
    ["no process id", "otary\n"],
])("takes the lock of %s over", (_, content) => {
    writeFileSync(path, content)
    takeLock(path, "the board").release()
    expect(existsSync(path)).toBe(false)
})

test("does not free what somebody else took meanwhile", () => {
    const lock = takeLock(path, "the board")
    writeFileSync(path, "1 1\n")
    lock.release()
    expect(readFileSync(path, "utf8")).toBe("1 1\n")
    takeLock(path, "the board").release()
})

test("waits for an owner that still lives, and takes over once it was killed", async () => {
    writeFileSync(path, `${sleeper.pid}${startTime(sleeper.pid!)}\n`)
    await expect(waitForLock(path, "the flash", 50)).rejects.toMatchObject({ code: "BOARD_LOCKED" })
    const waiting = waitForLock(path, "the flash", 5000)
    sleeper.kill("SIGKILL")
    ;(await waiting).release()
})

/** A blank and the start time of a process, as proc(5) tells it; "" where there is no /proc. */
function startTime(pid: number): string {
    try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
        return ` ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`
    } catch {
        return ""
    }
}
