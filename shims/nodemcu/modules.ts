// NodeMCU's modules as this shim uses them (nodemcu.readthedocs.io, branches release = ESP8266 and dev-esp32 = ESP32).

/** An open file: `io` on the ESP32 and `file` on the ESP8266 give the same methods. */
export interface BoardFile {
    /** At most `lengthBytes` from the position on; undefined at the end of the file. */
    read(this: BoardFile, lengthBytes: number): string | undefined
    /** Undefined when the bytes could not be written. */
    write(this: Pick<BoardFile, "write">, bytes: string): unknown
    /** The new position; undefined for an error. */
    seek(this: BoardFile, whence: "set" | "end", offset: number): number | undefined
    flush(this: BoardFile): unknown
    close(this: BoardFile): unknown
}

/** What opens files. */
export interface FileOpener {
    open(this: void, name: string, mode: string): BoardFile | undefined
}

/** A hash that is fed in pieces. */
export interface Hasher {
    update(this: Hasher, bytes: string): void
    finalize(this: Hasher): string
}

/** `crypto`. */
export interface CryptoModule {
    new_hash(this: void, algorithm: "SHA1" | "SHA256"): Hasher
}

/** A timer object. */
export interface Timer {
    alarm(this: Timer, intervalMs: number, mode: number, run: (this: void) => void): boolean
    unregister(this: Timer): void
}

/** `tmr`. */
export interface TimerModule {
    readonly ALARM_SINGLE: number
    create(this: void): Timer
    /** Feeds the ESP32's task watchdog. */
    wdclr(this: void): void
    /** The ESP8266's: restarts it in this many seconds, unless called again. */
    softwd(this: void, seconds: number): void
    /** The ESP8266's: microseconds since the boot, 31 bits. */
    now(this: void): number
}

/** The emergency collector of the ESP8266's Lua 5.1. */
export interface EmergencyCollector {
    readonly ON_ALLOC_FAILURE: number
    readonly ON_MEM_LIMIT: number
    /** Modes add up; a negative limit is the free heap in bytes below which every allocation collects first. */
    setmode(this: void, mode: number, limitBytes: number): void
}

/** `node`. */
export interface NodeModule {
    restart(this: void): void
    /** The ESP32's: microseconds since the boot, the lower 31 bits first. */
    uptime(this: void): number
    /** Lua 5.1 of the ESP8266 alone. */
    readonly egc?: EmergencyCollector
    random?(this: void, low: number, high: number): number
    stripdebug?(this: void, level: number): void
}

/** `time` of the ESP32 and `rtctime` of the ESP8266. */
export interface TimeModule {
    /** Unix time in seconds, 0 while it was never set. */
    get(this: void): number
}

/** `sjson`. Both functions raise an error for what they cannot do. */
export interface JsonModule {
    decode(this: void, text: string): unknown
    encode(this: void, value: unknown): string
}

/** Headers of an HTTP request or answer, names of answers in lower case. */
export interface HeaderTable {
    [name: string]: string
}

/** A connection of the ESP32's `http`. */
export interface HttpConnection {
    on(this: HttpConnection, event: "headers", run: (this: void, code: number, headers: HeaderTable | undefined) => void): void
    on(this: HttpConnection, event: "data", run: (this: void, code: number, bytes: string) => number): void
    on(this: HttpConnection, event: "complete", run: (this: void, code: number) => void): void
    setbody(this: HttpConnection, body: string): void
    request(this: HttpConnection): void
    ack(this: HttpConnection): void
    close(this: HttpConnection): void
}

/** What http.createConnection takes. */
export interface HttpOptions {
    async: boolean
    bufsz: number
    headers: HeaderTable
    max_redirects: number
    timeout: number
}

/** `http` of the ESP32. */
export interface HttpModule {
    readonly GET: number
    readonly POST: number
    readonly ACKNOW: number
    readonly DELAYACK: number
    createConnection(this: void, url: string, method: number, options: HttpOptions): HttpConnection
}

/** A TCP socket of the ESP8266's `net`. */
export interface NetSocket {
    on(this: NetSocket, event: "connection" | "sent", run: (this: void) => void): void
    /** `code` is 0 when the other side closed, an error of lwIP otherwise. */
    on(this: NetSocket, event: "disconnection", run: (this: void, socket: NetSocket, code: number) => void): void
    on(this: NetSocket, event: "receive", run: (this: void, socket: NetSocket, bytes: string) => void): void
    /** Raises an error where it cannot even begin. */
    connect(this: NetSocket, port: number, host: string): void
    /** Raises an error for what the send buffer, 2,920 bytes, has no room for. */
    send(this: NetSocket, bytes: string): void
    /** Opens the window of the sender no further; what it allows by now, 5,840 bytes at most, still comes. */
    hold(this: NetSocket): void
    unhold(this: NetSocket): void
    /** Raises an error when the connection is gone. */
    close(this: NetSocket): void
}

/** `net` of the ESP8266. */
export interface NetModule {
    createConnection(this: void): NetSocket
}

/** A client of `mqtt`. The firmware keeps no more than a weak reference to it. */
export interface MqttClient {
    on(this: MqttClient, event: "message" | "offline", run: (this: void) => void): void
    /** `failed` is called when no connection comes about; on the ESP32 "offline" comes then, too. */
    connect(
        this: MqttClient,
        host: string,
        port: number,
        isSecure: number,
        connected: (this: void) => void,
        failed: (this: void) => void,
    ): void
    subscribe(this: MqttClient, topic: string, qos: number): void
    close(this: MqttClient): void
}

/** `mqtt`. Its functions may raise an error. */
export interface MqttModule {
    Client(
        this: void,
        clientId: string,
        keepaliveS: number,
        user: string | undefined,
        password: string | undefined,
        isClean: number,
    ): MqttClient
}

/** Pins of a UART. */
export interface UartPins {
    tx: number
    rx: number
}

/** `uart` of the ESP32. */
export interface UartModule {
    readonly PARITY_NONE: number
    readonly STOPBITS_1: number
    setup(this: void, id: number, baud: number, dataBits: number, parity: number, stopBits: number, pins: UartPins): number
    start(this: void, id: number): boolean
    /** Hands out what came at each `end`, and at 255 bytes. */
    on(this: void, id: number, event: "data", end: string, run: (this: void, bytes: string) => void, runInput: number): void
    write(this: void, id: number, bytes: string): void
}

/** What a call returns that returns several values in Lua. */
export type Values<T extends unknown[]> = T & { readonly __tstlMultiReturn: unknown }

/** What `otaupgrade.info` tells of a partition; nothing of one that was never chosen by number. */
export interface OtaPartition {
    /** "new" (not started yet), "testing" (neither accepted nor left), "valid", "invalid", "aborted"; "undefined" without rollback. */
    readonly state?: string
    readonly version?: string
}

/** Partitions by label. */
export interface OtaTable {
    readonly [label: string]: OtaPartition
}

/** `otaupgrade` of the ESP32. Every function but `info` may raise an error. */
export interface OtaModule {
    /** Erases the partition that does not run. */
    commence(this: void): void
    /** The next bytes of the image. */
    write(this: void, bytes: string): void
    /** Checks the image and starts it at the next restart; whether the latter was written down, `info` tells alone. */
    complete(this: void): void
    accept(this: void): void
    /** Restarts with the firmware before; returns only by an error. */
    rollback(this: void): void
    /** Labels of the partition that runs and of the one that starts next; every OTA partition. */
    info(this: void): Values<[string | undefined, string | undefined, OtaTable]>
}

/** The ESP32's files. */
export declare const io: FileOpener
/** The ESP8266's files; on the ESP32 it has no `open`. */
export declare const file: FileOpener
/** Hashes. */
export declare const crypto: CryptoModule
/** Timers and the watchdog. */
export declare const tmr: TimerModule
/** The chip. */
export declare const node: NodeModule
/** The time of the ESP32, where it is built in. */
export declare const time: TimeModule | undefined
/** The time of the ESP8266, where it is built in. */
export declare const rtctime: TimeModule | undefined
/** JSON. */
export declare const sjson: JsonModule
/** HTTP with back-pressure: the ESP32's. */
export declare const http: HttpModule | undefined
/** MQTT, where the firmware has it. */
export declare const mqtt: MqttModule | undefined
/** Serial lines. */
export declare const uart: UartModule
/** TCP: the ESP8266's. */
export declare const net: NetModule
/** Whole native firmware: the ESP32's. */
export declare const otaupgrade: OtaModule | undefined
/** Lua's own functions on texts. */
export declare const string: {
    rep(this: void, text: string, count: number): string
    /** Every byte from `first` to `last`. Lua passes all values of a call on where it is the last one of another: `format` takes them. */
    byte(this: void, bytes: string, first: number, last: number): number
    format(this: void, form: string, values: number): string
    /** Where the pattern is first found; undefined where it is not. */
    find(this: void, text: string, pattern: string): number | undefined
    lower(this: void, text: string): string
    /** What the pattern's parentheses enclose; undefined when it does not fit. */
    match(this: void, text: string, pattern: string): string | undefined
}
/** The number that a text holds to a base. Contract: it holds one. */
export declare function tonumber(this: void, text: string, base: number): number
/** Lua's own functions where all that they return is wanted. */
export declare const _G: {
    pcall<T>(this: void, run: (this: void, value: T) => void, value: T): Values<[boolean, string | undefined]>
}
/** Returns `table`, which is a T from here on. */
export declare function setmetatable<T>(this: void, table: object, meta: object): T
/** Raises an error; level 0 leaves the message as it is. */
export declare function error(this: void, message: string, level: number): never
/** Calls `run`; false when it raised an error. */
export declare function pcall<T>(this: void, run: (this: void, value: T) => void, value?: T): boolean
/** Writes a line to the console. */
export declare function print(this: void, line: string): void
/** Compiles text that comes in pieces; undefined when it is not Lua. */
export declare function load(
    this: void,
    next: (this: void) => string | undefined,
    name: string,
): ((this: void) => void) | undefined
