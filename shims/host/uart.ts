// The serial line of a host board: a Unix socket, at whose other end somebody may or may not be.

import { rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import type { Uart } from "../../firmware/ports"

/** A line that ends with the board. */
export interface HostUart extends Uart {
    /** Takes the socket away. */
    stop(this: void): void
}

/** Bytes that wait for a reader who is slow; as on a wire, what is more than that is lost. */
const WAITING_BYTES_MAX = 65536

/** Creates the line whose socket will be at `path`; it appears when the board sets the line up. One end at a time: the latest counts. */
export function createUart(path: string, log: (line: string) => void): HostUart {
    let server: Server | undefined
    let socket: Socket | undefined
    const stop = (): void => {
        if (server === undefined) return
        socket?.destroy()
        socket = undefined
        server.close()
        server = undefined
    }
    return {
        open(_, run) {
            stop()
            // What an earlier process has left, or the one before a reset.
            rmSync(path, { force: true })
            server = createServer(incoming => {
                socket?.destroy()
                socket = incoming
                incoming.setEncoding("latin1").on("error", () => undefined)
                incoming.on("data", text => {
                    if (socket === incoming) run(String(text))
                })
            })
            server.on("error", error => log(`uart: ${error.message}`))
            server.listen(path)
        },
        write(bytes) {
            if (socket !== undefined && socket.writableLength < WAITING_BYTES_MAX) socket.write(bytes, "latin1")
        },
        stop,
    }
}
