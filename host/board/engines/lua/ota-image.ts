// Native firmware as an emulated board takes it: the head of an ESP32 application image, and, for the emulation, a Lua text.

import { createHash } from "node:crypto"

/** What a firmware says about itself (esp_app_desc_t of ESP-IDF). */
export interface OtaImage {
    readonly version: string
    /** Lua that runs ahead of init.lua, as the firmware's own start would; "" for a firmware of a real chip. */
    readonly program: string
}

/** First byte of an application image (esp_image_header_t). */
export const OTA_MAGIC = 0xe9
/** Whether a SHA-256 of all that lies ahead of it ends the image. */
const HASH_FLAG_AT = 23
const HASH_BYTES = 32
/** The description lies behind the headers of the image and of its first segment. */
const DESCRIPTION_AT = 32
const DESCRIPTION_MAGIC = 0xabcd5432
const VERSION_AT = DESCRIPTION_AT + 16
const VERSION_BYTES = 32
const PROGRAM_AT = 288
const PROGRAM_MARK = "--lua\n"

function hashOf(bytes: Buffer): Buffer {
    return createHash("sha256").update(bytes).digest()
}

/** An image for emulated boards. `padBytes` of zeros make it larger. */
export function otaImageEncode({ version, program }: OtaImage, padBytes = 0): Buffer {
    const head = Buffer.alloc(PROGRAM_AT)
    head[0] = OTA_MAGIC
    head[HASH_FLAG_AT] = 1
    head.writeUInt32LE(DESCRIPTION_MAGIC, DESCRIPTION_AT)
    head.write(version.slice(0, VERSION_BYTES - 1), VERSION_AT, "latin1")
    const text = Buffer.from(`${PROGRAM_MARK}${program}\0`, "latin1")
    const body = Buffer.concat([head, text, Buffer.alloc(padBytes)])
    return Buffer.concat([body, hashOf(body)])
}

/** What is in an image; undefined when the chip would not start it. `bytes` end where the image ends. */
export function otaImageDecode(bytes: Buffer): OtaImage | undefined {
    if (bytes.length < PROGRAM_AT || bytes[0] !== OTA_MAGIC) return undefined
    const end = bytes.length - HASH_BYTES
    if (bytes[HASH_FLAG_AT] === 1 && !hashOf(bytes.subarray(0, end)).equals(bytes.subarray(end))) return undefined
    const text = (from: number, to: number): string => bytes.toString("latin1", from, to).split("\0", 1)[0]!
    const isOwn = bytes.toString("latin1", PROGRAM_AT, PROGRAM_AT + PROGRAM_MARK.length) === PROGRAM_MARK
    return {
        version: bytes.readUInt32LE(DESCRIPTION_AT) === DESCRIPTION_MAGIC ? text(VERSION_AT, VERSION_AT + VERSION_BYTES) : "",
        program: isOwn ? text(PROGRAM_AT + PROGRAM_MARK.length, end) : "",
    }
}
