// Where a board's serial line can be reached: a TCP address, a Unix socket, or a serial device of this machine.

import { execFileSync } from "node:child_process"
import { closeSync, constants, openSync, statSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { resolve } from "node:path"
import { ReadStream, WriteStream } from "node:tty"
import type { SerialLine } from "../../build/serial-line"
import { CliError } from "./cli-error"

/** A line that is open. */
export interface OpenLine extends SerialLine {
    close(this: void): void
}

const CONNECT_MS = 5000

function unusable(
    port: string,
    why: string,
    hint = "name the board's port, such as /dev/ttyUSB0 or tcp://127.0.0.1:4000",
): CliError {
    return new CliError("CLI_PORT", `the port ${port} cannot be used: ${why}`, hint)
}

/** Connects a socket. Errors after that are no news: the board stays silent then. */
function openSocket(port: string, socket: Socket): Promise<OpenLine> {
    return new Promise((settle, fail) => {
        const timer = setTimeout(() => socket.destroy(new Error("no connection in time")), CONNECT_MS)
        socket.once("error", error => {
            clearTimeout(timer)
            fail(unusable(port, error.message))
        })
        socket.once("connect", () => {
            clearTimeout(timer)
            socket.removeAllListeners("error").on("error", () => undefined)
            settle({
                write: bytes => void (socket.writable && socket.write(bytes)),
                onData: take => void socket.on("data", take),
                close: () => void socket.destroy(),
            })
        })
    })
}

/** Sets a device up as raw bytes at a speed; `stty` is on every Linux and macOS. */
function setSpeed(path: string, baud: number): void {
    const flag = process.platform === "linux" ? "-F" : "-f"
    execFileSync("stty", [flag, path, String(baud), "raw", "-echo", "-hupcl", "clocal"], { stdio: ["ignore", "ignore", "pipe"] })
}

function openDevice(path: string, baud: number): OpenLine {
    let fd = -1
    try {
        setSpeed(path, baud)
        fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)
        const input = new ReadStream(fd)
        const output = new WriteStream(fd)
        for (const stream of [input, output]) stream.on("error", () => undefined)
        const close = (): void => {
            input.destroy()
            output.destroy()
        }
        return { write: bytes => void output.write(bytes), onData: take => void input.on("data", take), close }
    } catch (error) {
        if (fd >= 0) closeSync(fd)
        throw unusable(path, (error as Error).message.trim())
    }
}

/** Opens `tcp://HOST:PORT`, or a path: a Unix socket or a serial device. Errors: CliError CLI_PORT. */
export async function openLine(port: string, baud: number, cwd: string): Promise<OpenLine> {
    if (port.startsWith("tcp://")) {
        if (!URL.canParse(port) || new URL(port).port === "") throw unusable(port, "a TCP port is given as tcp://HOST:PORT")
        const { hostname, port: number } = new URL(port)
        return openSocket(port, connect(Number(number), hostname.replace(/^\[|\]$/g, "")))
    }
    const path = resolve(cwd, port)
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined) throw unusable(path, "there is no such file")
    if (found.isSocket()) return openSocket(path, connect(path))
    if (!found.isCharacterDevice()) throw unusable(path, "it is neither a serial device nor a socket")
    return openDevice(path, baud)
}
