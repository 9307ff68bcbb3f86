// One boot of a board: what the running code started ends with it, and nothing reaches that code afterwards.

import type { Clock, Http, HttpListener, ImageFile, Uart } from "../../firmware/ports"
import type { HostImageFile } from "../../shims/host/image-file"
import { createMqtt, type HostMqtt } from "../../shims/host/mqtt"
import type { HostUart } from "../../shims/host/uart"

/** What is thrown at code whose boot is over, so that it goes no further: on hardware a reset does not return. */
export class BootOver extends Error {
    constructor() {
        super("this boot is over")
    }
}

/** The ports that outlive a boot. */
export interface SessionPorts {
    readonly clock: Clock
    readonly http: Http
    readonly imageFile?: HostImageFile
    readonly uart?: HostUart
}

/** The same ports, bound to one boot. */
export interface Session {
    readonly clock: Clock
    readonly http: Http
    readonly imageFile?: ImageFile
    readonly uart?: Uart
    /** Makes an MQTT client. */
    createMqtt(this: void): HostMqtt
    /** Runs the board's code; an exception out of it is handed to `onPanic`, unless the boot ended meanwhile. */
    enter<T>(this: void, run: (this: void, value: T) => void, value: T): void
    /** Throws BootOver when the boot is over. */
    check(this: void): void
    /** Ends the boot: takes timers back, aborts requests, stops a script. May be called twice. */
    end(this: void): void
}

/** Starts a boot. `bootMs` is the clock's upMs at the board's last reset. */
export function createSession(ports: SessionPorts, bootMs: number, onPanic: (this: void, error: unknown) => void): Session {
    let isOver = false
    const check = (): void => {
        if (isOver) throw new BootOver()
    }
    const enter = <T>(run: (this: void, value: T) => void, value: T): void => {
        if (isOver) return
        try {
            run(value)
        } catch (error) {
            if (!isOver) onPanic(error)
        }
    }
    const clock = sessionClock(ports.clock, bootMs, check, enter)
    const http = sessionHttp(ports.http, check, enter)
    const brokers: HostMqtt[] = []
    return {
        clock,
        http,
        createMqtt() {
            const mqtt = sessionMqtt(createMqtt(), check, enter)
            brokers.push(mqtt)
            return mqtt
        },
        imageFile: sessionImageFile(ports.imageFile, check, enter),
        uart: sessionUart(ports.uart, check, enter),
        enter,
        check,
        end() {
            if (isOver) return
            isOver = true
            clock.stop()
            http.stop()
            for (const mqtt of brokers) mqtt.close()
            ports.imageFile?.stop()
            ports.uart?.stop()
        },
    }
}

type Enter = Session["enter"]
type Check = Session["check"]

/** 2^31: the port's times stay below it. */
const MS_LIMIT = 0x80000000

function sessionClock(base: Clock, bootMs: number, check: Check, enter: Enter): Clock & { stop(): void } {
    const ids = new Set<number>()
    return {
        nowS: base.nowS,
        upMs: () => (base.upMs() - bootMs + MS_LIMIT) % MS_LIMIT,
        after(delayMs, run) {
            check()
            const id = base.after(delayMs, () => {
                ids.delete(id)
                enter(run, undefined)
            })
            ids.add(id)
            return id
        },
        cancel(id) {
            // Only this boot's timers: a stale id must not hit what somebody else set.
            if (ids.delete(id)) base.cancel(id)
        },
        stop() {
            for (const id of ids) base.cancel(id)
            ids.clear()
        },
    }
}

function sessionHttp(base: Http, check: Check, enter: Enter): Http & { stop(): void } {
    const handles = new Set<number>()
    return {
        request(method, url, headers, body, listener) {
            check()
            const bound: HttpListener = {
                onHead: head => enter(listener.onHead, head),
                onData: bytes => enter(listener.onData, bytes),
                onEnd: status => {
                    handles.delete(handle)
                    enter(listener.onEnd, status)
                },
            }
            const handle = base.request(method, url, headers, body, bound)
            handles.add(handle)
            return handle
        },
        abort(handle) {
            if (handles.delete(handle)) base.abort(handle)
        },
        pause(handle, delayMs) {
            if (handles.has(handle)) base.pause(handle, delayMs)
        },
        stop() {
            for (const handle of handles) base.abort(handle)
            handles.clear()
        },
    }
}

function sessionMqtt(base: HostMqtt, check: Check, enter: Enter): HostMqtt {
    return {
        connect(options, { onConnect, onMessage, onEnd }) {
            check()
            base.connect(options, {
                onConnect: () => enter(onConnect, undefined),
                onMessage: (topic, payload) => enter(() => onMessage(topic, payload), undefined),
                onEnd: () => enter(onEnd, undefined),
            })
        },
        subscribe: base.subscribe,
        close: base.close,
    }
}

function sessionUart(base: HostUart | undefined, check: Check, enter: Enter): Uart | undefined {
    if (base === undefined) return undefined
    return {
        open(options, run) {
            check()
            base.open(options, bytes => enter(run, bytes))
        },
        write: base.write,
    }
}

function sessionImageFile(base: ImageFile | undefined, check: Check, enter: Enter): ImageFile | undefined {
    if (base === undefined) return undefined
    return {
        write(offset, bytes) {
            check()
            base.write(offset, bytes)
        },
        run(checksum, done) {
            check()
            base.run(checksum, status => enter(done, status))
        },
    }
}
