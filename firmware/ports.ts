// What the core asks of a platform: a few small sets of functions, their geometry beside them. Shims implement them.

/**
 * Bytes as a native string: every character is one byte, 0–255. Engines of a few dozen kilobytes handle strings
 * natively and arrays by loop, so payload bytes travel as strings and are never touched one by one.
 */
export type Bytes = string

/**
 * A page-aligned range of flash. Offsets are relative to the region.
 * Contract: `offset` and lengths lie inside the region; `program` and `programStaged` get whole program units of erased
 * flash; a call that returned STATUS_OK may still not have done its work, so the caller reads back.
 */
export interface Region {
    /** Size in bytes, a multiple of `eraseBytes`. */
    readonly sizeBytes: number
    /** Erase unit in bytes: 1024–65536. */
    readonly eraseBytes: number
    /** Program unit in bytes: 1–256, divides `eraseBytes`. */
    readonly programBytes: number
    /** Reads `lengthBytes`; "" when the flash cannot be read. */
    read(this: void, offset: number, lengthBytes: number): Bytes
    /** Sets one erase unit to 0xff. Returns STATUS_OK or STATUS_FLASH. */
    erase(this: void, offset: number): number
    /** Programs `bytes`, a whole number of program units. Returns STATUS_OK or STATUS_FLASH. */
    program(this: void, offset: number, bytes: Bytes): number
    /** Programs the first `lengthBytes` of the stage, padded with 0xff to whole program units. Returns STATUS_OK or STATUS_FLASH. */
    programStaged(this: void, offset: number, lengthBytes: number): number
    /** Whether flash reads back as the first `lengthBytes` of the stage. */
    matchesStaged(this: void, offset: number, lengthBytes: number): boolean
}

/** One buffer of BLOCK_BYTES in RAM: where payload rests between socket and flash. */
export interface Stage {
    /**
     * Copies bytes[from, to) to `at`. Contract: at + to - from <= BLOCK_BYTES; at 0 the stage is begun anew, then pieces come in
     * order. What it leaves behind the last piece is unspecified.
     */
    put(this: void, at: number, bytes: Bytes, from: number, to: number): void
    /** Copies all of `bytes` to `at`, as `put` does, with its contract. */
    place(this: void, bytes: Bytes, at: number): void
    /** The SHA-256 of the first `lengthBytes`, 32 bytes. */
    sha256(this: void, lengthBytes: number): Bytes
    /** CRC-32 (ISO 3309, as in zip) of what came before (`crc`, 0 at first) and the first `lengthBytes`, as a signed 32-bit integer. */
    crc32(this: void, crc: number, lengthBytes: number): number
    /** Whether the platform computes CRC-32 natively; where not, SHA-256 alone decides over payload. */
    readonly hasCrc32: boolean
    /** The first `lengthBytes` as a string. */
    take(this: void, lengthBytes: number): Bytes
}

/** Hashes that the platform computes natively. */
export interface Digest {
    /** The SHA-256 of `bytes` in one shot, 32 bytes. `bytes` has at most BLOCK_BYTES, or a manifest of MANIFEST_BYTES_MAX and 56 more. */
    sha256(this: void, bytes: Bytes): Bytes
    /** The CRC-32 (ISO 3309, as in zip) of `bytes` as a signed 32-bit integer. Where the platform has none: crc32 of bytes.ts. */
    crc32(this: void, bytes: Bytes): number
    /**
     * Whether `signature` (DER, base64) is `key`'s (SPKI DER, base64) ECDSA P-256 signature over the SHA-256 of `message`; false for
     * whatever is malformed. Absent where the platform cannot: then such signatures do not count.
     */
    ecdsaVerify?(this: void, key: string, message: Bytes, signature: string): boolean
    /**
     * Walks a hash chain: for each position from `first` to `end` - 1 (0–254), link = SHA-256(`head` ‖ position as one byte ‖ link), cut
     * to the length of `link`, 24 or 32 bytes; `head` has 22. Returns the last link. It may use the stage. For platforms on which a
     * call costs more than a hash; absent elsewhere, where the core puts the same together itself.
     */
    chain?(this: void, head: Bytes, first: number, end: number, link: Bytes): Bytes
    /**
     * The hash of a whole range of a region, in lower-case hex, for images without block lists.
     * `algorithm` is 1 (SHA-1) or 256 (SHA-256). Returns "" where the platform cannot.
     */
    ofRegion(this: void, algorithm: number, region: Region, lengthBytes: number): string
}

/** Time. */
export interface Clock {
    /** Unix time in seconds; 0 while unknown. */
    nowS(this: void): number
    /** Milliseconds since the boot, below 2^31. */
    upMs(this: void): number
    /** Calls `run` once after `delayMs` (0 – 2^31-1). Returns an id > 0. */
    after(this: void, delayMs: number, run: (this: void) => void): number
    /** Takes a timer back; an id that ran or never was is no error. */
    cancel(this: void, id: number): void
}

/** The head of an HTTP answer. */
export interface HttpHead {
    readonly statusCode: number
    /** The value of a header, its name in lower case; "" when absent. */
    header(this: void, name: string): string
}

/** What the core hears of a request. After `onEnd` nothing more is called. */
export interface HttpListener {
    onHead(this: void, head: HttpHead): void
    /** A piece of the body of any length. The sender is held back while this runs. */
    onData(this: void, bytes: Bytes): void
    /**
     * The end: STATUS_OK after a whole answer, STATUS_NET when the connection broke or never came, STATUS_MEMORY when onData ran out
     * of memory and the platform could go on.
     */
    onEnd(this: void, status: number): void
}

/** HTTP/1.1 client. Redirects are not followed. */
export interface Http {
    /** Sends a request. `headers` are name/value pairs. Returns a handle > 0; every outcome reaches the listener, later. */
    request(this: void, method: string, url: string, headers: string[][], body: Bytes, listener: HttpListener): number
    /** Ends a request; its listener hears nothing more. */
    abort(this: void, handle: number): void
    /** Holds the body back for `delayMs` before the next piece (throttle). */
    pause(this: void, handle: number, delayMs: number): void
}

/** How a broker is reached. */
export interface MqttOptions {
    /** Name or IPv4 address. */
    host: string
    /** 1–65535. */
    port: number
    /** Whether the connection is TLS. */
    isSecure: boolean
    clientId: string
    /** "" where the broker asks for none. */
    user: string
    password: string
    /** Seconds without a packet after which a side counts as gone. */
    keepaliveS: number
}

/** What the core hears of a connection to a broker. After `onEnd` nothing more is called. */
export interface MqttListener {
    /** The broker has taken the connection. */
    onConnect(this: void): void
    /** A message came on a topic that was subscribed. What it says does not reach the core. */
    onMessage(this: void): void
    /** The connection ended, or never came about, or the broker refused a subscription. */
    onEnd(this: void): void
}

/** MQTT 3.1.1 client of one connection. The broker keeps the session: messages of QoS 1 wait for a client that comes back. */
export interface Mqtt {
    /** Connects; contract: no connection is open. Every outcome reaches the listener, later. */
    connect(this: void, options: MqttOptions, listener: MqttListener): void
    /** Subscribes with QoS 1; contract: onConnect was called. */
    subscribe(this: void, topic: string): void
    /** Ends the connection, if one is open; its listener hears nothing more. */
    close(this: void): void
}

/** How a serial line is set up: 8 data bits, no parity, 1 stop bit. */
export interface UartOptions {
    /** Which of the board's UARTs; 0 = the platform's own choice, which is not the console. */
    port: number
    /** Bits a second. */
    baud: number
    /** Pins; -1 = the platform's own choice. */
    tx: number
    rx: number
    /** A device such as /dev/ttyS1 where the platform has an operating system; "" elsewhere. */
    path: string
}

/** One serial line. */
export interface Uart {
    /** Sets it up; from then on `run` hears what comes, in pieces of any length. A platform may hold bytes back until a line feed. */
    open(this: void, options: UartOptions, run: (this: void, bytes: Bytes) => void): void
    /** Sends. Contract: it is open. */
    write(this: void, bytes: Bytes): void
}

/** Reset and watchdog. */
export interface Board {
    /** Restarts the board; the call may return, and nothing may be done after it. */
    reset(this: void): void
    /** Arms the watchdog, or feeds it: without another call within `timeoutS` the board is reset. */
    watchdog(this: void, timeoutS: number): void
    /** An integer 0 – 2^31-1, not predictable where the platform can. */
    random(this: void): number
    /** A line for whoever watches the board. */
    log(this: void, line: string): void
}

/** JSON, as the platform has it. */
export interface Json {
    /** The value, or undefined when the text is not JSON. */
    parse(this: void, text: string): unknown
    /** The text of a value. */
    stringify(this: void, value: unknown): string
}

/**
 * For platforms that keep the whole image beside the slots and hand it to a script, as Ioto agents do (scripts/update).
 */
export interface ImageFile {
    /** Keeps a piece of the image as it came off the network. */
    write(this: void, offset: number, bytes: Bytes): void
    /**
     * Runs the configured script with the image's path, after checking its SHA-256 (64 hex digits; "" when unknown), and removes the file.
     * Calls `done` with STATUS_OK (go on), STATUS_DONE (the script wants a stop or restart; the platform carries it out after
     * the flip) or STATUS_SCRIPT.
     */
    run(this: void, checksum: string, done: (this: void, status: number) => void): void
}

/**
 * Native firmware below the core, on platforms that keep two of it and try a new one themselves: what starts is theirs to choose,
 * and one that is not accepted before the next reset is left by them.
 */
export interface Native {
    /**
     * Takes the new one from its first byte on: erasing block 0 begins anew, blocks follow in order, reading back tells nothing ("").
     * What matchesStaged answers for a block is that all of it was taken.
     */
    readonly region: Region
    /** What tells the firmware that runs from the others: 1–255. */
    running(this: void): number
    /** Whether the one that runs was never accepted: the next reset leaves it. */
    isOnTrial(this: void): boolean
    /**
     * Checks as a whole what was written, and makes it what starts at the next reset. Returns what running() will say then, or
     * STATUS_NATIVE; the one that runs is then still the one that starts.
     */
    finish(this: void): number
    /** The one that runs stays. Returns STATUS_OK (also when it was accepted before) or STATUS_NATIVE. */
    accept(this: void): number
    /** Goes back to the one before and resets the board; returns where that cannot be. */
    leave(this: void): void
}

/** Everything a platform gives the core. */
export interface Ports {
    /** Two erase units, one boot record each. */
    boot: Region
    journal: Region
    /** The two app slots and the two files areas. */
    app: Region[]
    files: Region[]
    stage: Stage
    digest: Digest
    clock: Clock
    http: Http
    board: Board
    json: Json
    /** Absent where native firmware cannot be replaced: images that bring some are refused. */
    native?: Native | undefined
    /** Absent where the platform runs no script. */
    imageFile?: ImageFile
    /**
     * Steps of a signature check (each a chain of hashes) in one call of updaterProcess or updaterPoll, before the rest of the board
     * gets its turn. Absent: all of them.
     */
    signatureStepsMax?: number
    /** Platform name that an image must carry, such as "host". */
    platform: string
}

/** The ports in use; set once by the shim before anything else runs. */
export let ports: Ports

/** Installs the platform. Called once per boot by a shim's main. */
export function portsInstall(platformPorts: Ports): void {
    ports = platformPorts
}
