// What Espruino 2v29 offers to the shim: the few globals and modules that it uses, typed (espruino.com/Reference).

/** Bytes as Espruino's native calls take them. */
export type EspruinoData = string | Uint8Array

/** require("Flash"): raw flash. */
export interface EspruinoFlash {
    /** The page around an address; undefined outside the flash. */
    getPage(address: number): { addr: number; length: number } | undefined
    /** Sets the page around an address to 0xff. Returns nothing: whether it worked shows in a read. */
    erasePage(address: number): void
    /** Programs. Returns nothing, as above. */
    write(data: EspruinoData, address: number): void
    read(lengthBytes: number, address: number): Uint8Array | undefined
}

/** require("Storage"). */
export interface EspruinoStorage {
    /** The content as a string that stays in flash; undefined when there is no such file. */
    read(name: string, offset?: number, lengthBytes?: number): string | undefined
    write(name: string, data: string, offset?: number, sizeBytes?: number): boolean
    /** Sizes of Storage as it is. */
    getStats(): { totalBytes: number }
}

/** require("crypto"). */
export interface EspruinoCrypto {
    /** One shot. Undefined when memory is short. */
    SHA256(data: EspruinoData): ArrayBuffer | undefined
    SHA1(data: EspruinoData): ArrayBuffer | undefined
}

/** The answer to a request. */
export interface EspruinoResponse {
    statusCode: string
    headers: Record<string, string>
    /** Of a body in chunks: above 0 until the last chunk came (libs/network/socketserver.c, HTTP_NAME_RECEIVE_COUNT). */
    cRcv: number
    on(event: "data", run: (data: string) => void): void
    on(event: "close", run: (hadError: boolean) => void): void
}

/** A request under way. */
export interface EspruinoRequest {
    /** True closes the connection at the next turn (socketserver.c, HTTP_NAME_CLOSENOW); there is no call for it. */
    clsNow: boolean
    on(event: "error", run: (error: { code: number; message: string }) => void): void
    end(body: string): void
}

/** What url.parse makes of a URL. */
export interface EspruinoUrl {
    method: string
    headers: Record<string, string>
}

/** require("http"). */
export interface EspruinoHttp {
    request(options: EspruinoUrl, run: (response: EspruinoResponse) => void): EspruinoRequest
}

/** A TCP socket of require("net"). */
export interface EspruinoSocket {
    /** True closes the connection at the next turn, whatever waits to be sent (socketserver.c, HTTP_NAME_CLOSENOW). */
    clsNow: boolean
    on(event: "data", run: (data: string) => void): void
    on(event: "close", run: (hadError: boolean) => void): void
    on(event: "error", run: (error: { code: number; message: string }) => void): void
    write(data: string): void
}

/** Where a socket leads. */
export interface EspruinoPlace {
    host: string
    port: number
}

/** require("net") and, where the build has it, require("tls"). */
export interface EspruinoNet {
    /** Throws when the host is not found. */
    connect(place: EspruinoPlace, run: () => void): EspruinoSocket
}

/** Wires of a serial line. */
export interface EspruinoWires {
    tx?: unknown
    rx?: unknown
    /** Espruino for Linux: the device. */
    path?: string
}

/** Serial1 and its like. */
export interface EspruinoSerial {
    setup(baud: number, wires: EspruinoWires): void
    on(event: "data", run: (data: string) => void): void
    write(data: string): void
}

/** The global E. */
export interface EspruinoE {
    /** A string in one piece of memory; undefined when there is none. An array of bytes that is in one piece shares it. */
    toFlatString(data: EspruinoData): string | undefined
    /** As an unsigned integer. */
    CRC32(data: EspruinoData): number
    toString(data: EspruinoData | ArrayBuffer): string
    /** The string's own memory as an array. */
    toArrayBuffer(text: string): ArrayBuffer
    enableWatchdog(timeoutS: number, isAutomatic: boolean): void
    kickWatchdog(): void
    reboot(): void
    hwRand(): number
    /** What went wrong in the engine since the last call, such as "MEMORY": cells were asked for, and none was free. */
    getErrorFlags(): string[] | undefined
    /** Tells of new ones, after the callback in which they came up. */
    on(event: "errorFlag", run: (flags: string[] | undefined) => void): void
}
