// TCP as the ESP8266's lwIP does it, over real sockets: segments, a window that stays shut while a connection is held.

import * as tcp from "node:net"

/** What the board's code hears of a connection, each from an event of its own. */
export interface SocketListener {
    onConnection(this: void): void
    /** So many bytes were taken. */
    onSent(this: void, lengthBytes: number): void
    /** A segment. */
    onReceive(this: void, bytes: Uint8Array): void
    /** The end: 0 when the other side closed, an error of lwIP (err.h) otherwise. Nothing follows. */
    onDisconnection(this: void, code: number): void
}

/** A connection. */
export interface Socket {
    send(this: void, bytes: Uint8Array): void
    /** Holds the sender back, or lets it go on; what its window allows by now still comes. */
    hold(this: void, isHeld: boolean): void
    /** Closes it once everything is sent; its listener hears nothing more. */
    close(this: void): void
}

/** The connections of one boot. */
export interface Sockets {
    connect(this: void, port: number, host: string, listener: SocketListener): Socket
    /** Cuts every connection. */
    stop(this: void): void
}

/** TCP_MSS and four of them, the window (lwipopts.h, and the system's default). */
const SEGMENT_BYTES = 1460
const WINDOW_BYTES = 4 * SEGMENT_BYTES
/** ERR_ABRT */
const ABORTED = -8

/** Creates the connections of a boot; each event goes through `enter`. */
export function createSockets(enter: (this: void, run: (this: void) => void) => void): Sockets {
    const open = new Set<tcp.Socket>()
    return {
        connect(port, host, listener) {
            const socket = tcp.connect({ port, host, noDelay: true })
            open.add(socket)
            socket.once("close", () => open.delete(socket))
            return createSocket(socket, listener, enter)
        },
        stop() {
            for (const socket of open) socket.removeAllListeners("data").destroy()
        },
    }
}

function createSocket(socket: tcp.Socket, listener: SocketListener, enter: (run: () => void) => void): Socket {
    const segments: Uint8Array[] = []
    let isOver = false
    let isHeld = false
    let windowBytes = WINDOW_BYTES
    let end: number | undefined
    let isDue = false
    const tell = (run: () => void): void => {
        if (!isOver) enter(run)
    }
    /** One segment for each turn of the event loop: timers of the board come in between. */
    const pump = (): void => {
        isDue = false
        if (isOver) return
        const segment = segments[0]
        if (segment !== undefined && isHeld && windowBytes < segment.length) return
        if (segment !== undefined) {
            segments.shift()
            windowBytes -= segment.length
            tell(() => listener.onReceive(segment))
            if (!isHeld) windowBytes = WINDOW_BYTES
            return pumpSoon()
        }
        if (end === undefined) return void socket.resume()
        const code = end
        tell(() => listener.onDisconnection(code))
        isOver = true
    }
    const pumpSoon = (): void => {
        if (isDue) return
        isDue = true
        setImmediate(pump)
    }
    socket.on("connect", () => tell(listener.onConnection))
    socket.on("data", chunk => {
        socket.pause()
        for (let at = 0; at < chunk.length; at += SEGMENT_BYTES) segments.push(chunk.subarray(at, at + SEGMENT_BYTES))
        pumpSoon()
    })
    socket.on("end", () => {
        end ??= 0
        pumpSoon()
    })
    socket.on("error", () => {
        end = ABORTED
        pumpSoon()
    })
    return {
        send: bytes => void socket.write(bytes, () => tell(() => listener.onSent(bytes.length))),
        hold(isNow) {
            isHeld = isNow
            if (isNow) return
            windowBytes = WINDOW_BYTES
            pumpSoon()
        },
        close() {
            isOver = true
            socket.destroySoon()
        },
    }
}
