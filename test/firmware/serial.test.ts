// firmware/serial.ts: an image over a serial line, as the sender of `otary push` sends it, and everything that a line can do to it.

import { createHash } from "node:crypto"
import { createSerialReader, pushImage, SERIAL_KINDS, serialFrame, type SerialLine } from "../../build/serial-line"
import { SERIAL_APPLY_MS, SERIAL_FRAME_TIMEOUT_MS, SERIAL_UPDATE_TIMEOUT_S } from "../../firmware/constants"
import type { Uart, UartOptions } from "../../firmware/ports"
import * as status from "../../firmware/status"
import { lmsKey, signedImage } from "../attacks/signed-rig"
import { AgentBoard, appOf, type BoardOptions } from "./agent-rig"
import { startServer } from "./agent-server"
import { imageOf, seededBytes } from "./images"

const ANSWER_MS = 20

/** A board with its serial line: what it sends is heard, what is sent reaches it at once. */
class Line {
    options!: UartOptions
    run: (bytes: string) => void = () => undefined
    readonly sent: Buffer[] = []
    private listener: (bytes: Buffer) => void = () => undefined
    board!: AgentBoard
    /** Bytes on their way to the board, and back. */
    toBoard = (bytes: Buffer): Buffer => bytes
    fromBoard = (bytes: Buffer): Buffer => bytes
    readonly port: Uart = {
        open: (options, run) => {
            this.options = options
            this.run = run
        },
        write: text => {
            const bytes = Buffer.from(text, "latin1")
            this.sent.push(bytes)
            setImmediate(() => this.listener(this.fromBoard(bytes)))
        },
    }
    readonly sender: SerialLine = {
        write: bytes => {
            const text = this.toBoard(bytes).toString("latin1")
            if (text !== "") this.run(text)
        },
        onData: take => void (this.listener = take),
    }

    /** Sends one request and returns what is answered, as [status, offset, version]. */
    ask(kind: number, payload: Buffer = Buffer.alloc(0), sequence = 7): unknown[] {
        this.sent.length = 0
        this.run(serialFrame(kind, sequence, payload).toString("latin1"))
        const answers: unknown[] = []
        const read = createSerialReader((answerKind, answerSequence, bytes) => {
            expect([answerKind, answerSequence]).toEqual([kind + 128, sequence])
            answers.push(-bytes[0]! || 0, bytes.readUInt32LE(1), bytes.toString("latin1", 5))
        })
        for (const bytes of this.sent) read(bytes)
        return answers
    }

    told(): string[] {
        return this.board.lines.filter(line => line.startsWith("serial:"))
    }
}

function start(more: Partial<BoardOptions> = {}): Line {
    const line = new Line()
    const app: BoardOptions["app"] = agent => agent.serial.serialStart(line.port)
    line.board = new AgentBoard({ server: { silent: 0 }, config: { first: 3 }, app, ...more })
    return line
}

const image = imageOf({ app: appOf("1.1.0"), manifest: { version: "1.1.0", build_id: "b2" } })
const beginOf = (bytes: Buffer): Buffer => {
    const size = Buffer.alloc(4)
    size.writeUInt32LE(bytes.length)
    return Buffer.concat([size, createHash("sha256").update(bytes).digest()])
}
const dataOf = (offset: number, bytes: Buffer): Buffer => {
    const at = Buffer.alloc(4)
    at.writeUInt32LE(offset)
    return Buffer.concat([at, bytes])
}
const push = (line: Line, bytes = image) => pushImage(line.sender, bytes, { answerMs: ANSWER_MS })
const { begin, data, finish, abort, state } = SERIAL_KINDS

describe("an image", () => {
    test("is taken, applied, and committed as any other", async () => {
        const line = start()
        expect(await push(line)).toEqual({ kind: "taken", from: "1.0.0", firstOffset: 0 })
        await line.board.until(() => line.board.version === "1.1.0", "the new version")
        expect(line.board.agent.commit.bootState()).toMatchObject({ isCommitted: false, updateId: "" })
        await line.board.until(() => line.board.agent.commit.bootState()?.isCommitted === true, "a commit")
        expect(line.told()).toEqual(["serial: an update from byte 0"])
    })

    test("that is damaged is refused with its status, and nothing boots", async () => {
        const line = start()
        const bad = Buffer.from(image)
        bad[bad.length - 5000]! ^= 1
        expect(await push(line, bad)).toMatchObject({
            kind: "refused",
            status: status.STATUS_BLOCK_HASH,
            name: "STATUS_BLOCK_HASH",
        })
        expect(line.ask(data, dataOf(0, image.subarray(0, 10)))).toEqual([status.STATUS_BLOCK_HASH, 0, "1.0.0"])
        expect(line.ask(finish)).toEqual([status.STATUS_BLOCK_HASH, 0, "1.0.0"])
        expect(line.told().at(-1)).toBe(`serial: update failed, status ${status.STATUS_BLOCK_HASH}`)
        expect(await push(line)).toMatchObject({ kind: "taken" })
    })

    test("goes on after a reset at the block where it was", async () => {
        const line = start()
        line.ask(begin, beginOf(image))
        let [, offset] = line.ask(begin, beginOf(image)) as number[]
        while (offset! < 15_000) [, offset] = line.ask(data, dataOf(offset!, image.subarray(offset, offset! + 1000))) as number[]
        line.board.boot()
        expect(line.ask(data, dataOf(offset!, image.subarray(offset, offset! + 10)))).toEqual([
            status.STATUS_NO_UPDATE,
            0,
            "1.0.0",
        ])
        const outcome = await push(line)
        expect(outcome).toMatchObject({ kind: "taken" })
        expect((outcome as { firstOffset: number }).firstOffset).toBeGreaterThan(8000)
    })

    test("is begun again by the sender when the board restarts in the middle", async () => {
        const line = start()
        let frames = 0
        line.toBoard = bytes => {
            frames += 1
            if (frames === 10) line.board.boot()
            return bytes
        }
        expect(await push(line)).toEqual({ kind: "taken", from: "1.0.0", firstOffset: 0 })
    })
})

describe("the board's own part", () => {
    test("an image that runs already is taken without a restart", async () => {
        const line = start()
        const same = imageOf({ app: appOf("1.0.0", 9000), manifest: { version: "1.0.0", build_id: "b-1.0.0" } })
        expect(await push(line, same)).toMatchObject({ kind: "taken" })
        await line.board.pass(5)
        expect([line.board.boots, line.ask(state)]).toEqual([1, [0, 0, "1.0.0"]])
        expect(await push(line)).toMatchObject({ kind: "taken" })
    })

    test("a signature check is waited for; requests meanwhile are left", async () => {
        const key = lmsKey(1)
        const signed = signedImage([key], { app: appOf("1.1.0"), manifest: { version: "1.1.0", build_id: "b2" } })
        const options = { image: { keys: [key.publicKey] }, ports: { signatureStepsMax: 1 } }
        const line = start(options)
        const answers: number[] = []
        const clock = setInterval(() => {
            answers.push(line.ask(state).length)
            line.board.clock.advance(1)
        }, 5)
        const outcome = await push(line, signed)
        clearInterval(clock)
        expect(outcome).toMatchObject({ kind: "taken" })
        expect(answers).toContain(0)
        expect(await push(start(options), image)).toMatchObject({ kind: "refused", status: status.STATUS_SIGNATURE_MISSING })
    })

    test("a script gets the image; one that fails leaves the image that runs", async () => {
        const pieces: string[] = []
        const imageFile = {
            write: (offset: number, bytes: string) => void (pieces[offset] = bytes),
            run: (_: string, done: (status: number) => void) => done(status.STATUS_SCRIPT),
        }
        const line = start({ imageFile })
        expect(await push(line)).toMatchObject({ kind: "taken" })
        await line.board.pass(SERIAL_APPLY_MS / 1000)
        await line.board.until(() => line.told().length === 2, "the failure")
        expect(Buffer.from(pieces.join(""), "latin1").equals(image)).toBe(true)
        expect(line.ask(state)).toEqual([status.STATUS_SCRIPT, 0, "1.0.0"])
    })
})

describe("requests", () => {
    test("are answered one by one, with the byte that is wanted", () => {
        const line = start()
        expect(line.ask(state)).toEqual([0, 0, "1.0.0"])
        expect(line.ask(abort)).toEqual([status.STATUS_NO_UPDATE, 0, "1.0.0"])
        expect(line.ask(begin, beginOf(image))).toEqual([0, 0, "1.0.0"])
        expect(line.ask(data, dataOf(0, image.subarray(0, 700)))).toEqual([0, 700, "1.0.0"])
        // The same again, as after an answer that was lost; and one from further on.
        expect(line.ask(data, dataOf(0, image.subarray(0, 700)))).toEqual([0, 700, "1.0.0"])
        expect(line.ask(data, dataOf(800, image.subarray(800, 900)))).toEqual([0, 700, "1.0.0"])
        expect(line.ask(abort)).toEqual([0, 0, "1.0.0"])
    })

    test.each([
        ["without a meaning", 9, Buffer.alloc(0)],
        ["to begin without a digest", begin, Buffer.alloc(4)],
        ["to begin with 2 GiB", begin, Buffer.alloc(36, 0xff)],
    ])("%s are refused", (_, kind, payload) => {
        expect(start().ask(kind, payload)).toEqual([status.STATUS_ARGUMENT, 0, "1.0.0"])
    })

    test("with no data, with an image that is too large, or to finish too early are refused", () => {
        const line = start()
        const large = Buffer.concat([Buffer.from([0, 0, 0, 0x70]), Buffer.alloc(32)])
        expect(line.ask(begin, large)).toEqual([status.STATUS_ARGUMENT, 0, "1.0.0"])
        line.ask(begin, beginOf(image))
        expect(line.ask(data, dataOf(0, Buffer.alloc(0)))).toEqual([status.STATUS_ARGUMENT, 0, "1.0.0"])
        expect(line.ask(finish)).toEqual([status.STATUS_TRUNCATED, 0, "1.0.0"])
        expect(line.ask(finish)).toEqual([status.STATUS_TRUNCATED, 0, "1.0.0"])
    })

    test("to finish may be repeated; another update is busy until the board restarts", async () => {
        const line = start()
        line.fromBoard = bytes => (bytes[2] === finish + 128 && line.sent.length % 2 === 1 ? Buffer.alloc(0) : bytes)
        expect(await push(line)).toMatchObject({ kind: "taken" })
        expect(line.ask(finish)[0]).toBe(0)
        expect(line.ask(begin, beginOf(image))).toEqual([status.STATUS_BUSY, 0, "1.0.0"])
        const { updaterContextCreate } = line.board.agent.updater
        const options = { identity: "x", updateId: "", commitTimeoutS: 0, sizeBytes: 0, ignoreSameVersion: false }
        expect(updaterContextCreate(options)).toBe(status.STATUS_BUSY)
    })

    test("that stop coming end the update", async () => {
        const line = start()
        line.ask(begin, beginOf(image))
        await line.board.pass(SERIAL_UPDATE_TIMEOUT_S - 5)
        expect(line.ask(data, dataOf(0, image.subarray(0, 100)))).toEqual([0, 100, "1.0.0"])
        await line.board.pass(SERIAL_UPDATE_TIMEOUT_S + 3)
        expect(line.told().at(-1)).toBe("serial: the update is given up, nothing comes")
        expect(line.board.agent.updater.updaterIsBusy()).toBe(false)
    })
})

describe("the line", () => {
    test.each([1, 2, 3])("loses, damages and adds bytes: the image arrives all the same (seed %i)", async seed => {
        const line = start()
        const noise = seededBytes(4000, seed)
        let at = 0
        const next = (): number => noise[at++ % noise.length]!
        const spoil = (bytes: Buffer): Buffer => {
            const kind = next() % 8
            if (kind === 0) return Buffer.alloc(0)
            if (kind === 1) return Buffer.concat([noise.subarray(next(), next() + 300), Buffer.from("O"), bytes])
            if (kind !== 2) return bytes
            const copy = Buffer.from(bytes)
            copy[next() % copy.length]! ^= 1
            return copy
        }
        // What half a frame holds back comes free with time, which a test must let pass.
        const clock = setInterval(() => line.board.clock.advance(SERIAL_FRAME_TIMEOUT_MS), ANSWER_MS)
        line.toBoard = spoil
        line.fromBoard = spoil
        const outcome = await pushImage(line.sender, image, { answerMs: 2 * ANSWER_MS })
        clearInterval(clock)
        expect(outcome).toMatchObject({ kind: "taken" })
    })

    test("may hold what looks like a frame: a true one behind it is found once nothing more comes", async () => {
        const line = start()
        line.run("OU\x01\x01\xff\x03".concat(serialFrame(state, 9, Buffer.alloc(0)).toString("latin1")))
        expect(line.sent).toEqual([])
        await line.board.pass(SERIAL_FRAME_TIMEOUT_MS / 1000 + 1)
        expect(line.sent.length).toBe(1)
        line.run("OU\x01\x01\xff\xff".concat(serialFrame(state, 9, Buffer.alloc(0)).toString("latin1")))
        expect(line.sent.length).toBe(2)
        line.run("xO")
        line.run(serialFrame(state, 9, Buffer.alloc(0)).toString("latin1").substring(1))
        expect(line.sent.length).toBe(3)
        line.run("x")
        expect(line.ask(state)[0]).toBe(0)
    })

    test("is set up as the configuration says", () => {
        expect(start().options).toEqual({ port: 0, baud: 115200, tx: -1, rx: -1, path: "" })
        const uart = { port: 1, baud: 9600, tx: 4, rx: 5, path: "/dev/ttyS1" }
        expect(start({ config: { uart } }).options).toEqual(uart)
        const line = start({ config: { uart: { port: 0, baud: 1, path: "ttyS1" } } })
        expect(line.options).toEqual({ port: 0, baud: 115200, tx: -1, rx: -1, path: "" })
        expect(line.board.lines).toContain("settings: uart.path must be a device such as /dev/ttyS1; ignored")
    })
})

test("a check-in leaves an update over the line alone", async () => {
    const server = await startServer()
    const config = { api: server.url, token: "T", update: { period: 10 } }
    const line = start({ server, config, device: { id: "D", product: "P" } })
    line.ask(begin, beginOf(image))
    server.offer(image, "u1")
    await line.board.until(() => server.of("checkin").length === 2, "two check-ins")
    expect([server.of("image").length, server.of("report").length]).toEqual([0, 0])
    line.ask(abort)
    await line.board.until(() => server.of("report").length === 1, "the cloud's update")
    expect(line.board.version).toBe("1.1.0")
    await server.close()
})
