// What the emulated hardware offers to the bundles that it evaluates: the one global `hardware` of a host board.

import type { Bytes, Clock, Http, ImageFile, Mqtt, Stage, Uart } from "../../firmware/ports"

/** A range of the flash chip. */
export interface FlashRange {
    readonly offsetBytes: number
    readonly sizeBytes: number
}

/** Where the regions of a board lie in its flash chip; every offset and size is a multiple of the erase unit. */
export interface FlashLayout {
    /** The boot loader's bundle, written at the first installation and never again. */
    readonly loader: FlashRange
    readonly boot: FlashRange
    readonly journal: FlashRange
    readonly app0: FlashRange
    readonly app1: FlashRange
    readonly files0: FlashRange
    readonly files1: FlashRange
}

/** A NOR flash chip with the staging buffer beside it. Addresses count from the start of the chip. */
export interface Flash {
    readonly sizeBytes: number
    /** Erase unit in bytes, 1024–65536. */
    readonly eraseBytes: number
    /** Program unit in bytes, 1–256. */
    readonly programBytes: number
    /** Reads; "" when the chip reports a read error. */
    read(this: void, address: number, lengthBytes: number): Bytes
    /** Erases one unit. Returns 0, or -1 when the chip reports an error. */
    erase(this: void, address: number): number
    /** Programs whole units: bits only clear. Returns 0, or -1 when the chip reports an error. */
    program(this: void, address: number, bytes: Bytes): number
    /** Programs from the staging buffer, padded with 0xff to whole units. Returns 0 or -1. */
    programStaged(this: void, address: number, lengthBytes: number): number
    /** Whether the chip reads back as the staging buffer. */
    matchesStaged(this: void, address: number, lengthBytes: number): boolean
    /** SHA-1 (1) or SHA-256 (256) of a range in lower-case hex. */
    digest(this: void, algorithm: number, address: number, lengthBytes: number): string
    /** One block of RAM between socket and chip. */
    readonly stage: Stage
}

/** What the boot loader tells the image that it starts (firmware/boot-record.ts, bootRecordStart). */
export interface Start {
    readonly slot: number
    readonly reason: number
    readonly record: Bytes
}

/** Everything on the emulated board. */
export interface Hardware {
    readonly layout: FlashLayout
    readonly flash: Flash
    readonly clock: Clock
    readonly http: Http
    readonly imageFile?: ImageFile
    /** Absent where no image asks for them. */
    readonly mqtt?: Mqtt
    readonly uart?: Uart
    /** The SHA-256 of `bytes`, 32 bytes. */
    sha256(this: void, bytes: Bytes): Bytes
    /** Whether `signature` (DER, base64) over `message` is one of the ECDSA P-256 key `key` (SPKI DER, base64). */
    ecdsaVerify?(this: void, key: string, message: Bytes, signature: string): boolean
    /** An unpredictable integer 0 – 2^31-1. */
    random(this: void): number
    /** Restarts the board; RAM and timers are lost. */
    reset(this: void): void
    /** Arms or feeds the watchdog: without another call within `timeoutS` the board is reset. */
    watchdog(this: void, timeoutS: number): void
    /** A line on the board's console. */
    log(this: void, line: string): void
    /**
     * Tells whoever watches the board something for programs: a signal's name such as "device:progress" with a number or text,
     * or "version" with the running version. It changes nothing on the board.
     */
    notify?(this: void, name: string, value: string | number): void
    /**
     * Boot loader only: evaluates the code of a slot in place of the loader. An exception out of it is a panic: the board resets.
     * `address` and `lengthBytes` are the slot's part, latin1 JavaScript; `start` is handed to it.
     */
    run(this: void, address: number, lengthBytes: number, start: Start): void
    /** Images only: what the loader has handed over. */
    readonly start?: Start | undefined
}
