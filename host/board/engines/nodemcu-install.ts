// First installation on NodeMCU: the region files as they go to the board, and a script that brings them to their full sizes.

import { createNorFlash } from "../../../shims/host/nor-flash"
import type { FlashRange } from "../../../shims/host/hardware"
import { installBoard } from "../install"
import { CHIPS, type ChipName } from "./lua/chips"
import { makeLayout, type Geometry } from "../layout"

/** Sizes of the regions by chip; units are those of shims/nodemcu/main.ts. */
const SIZES: Readonly<Record<ChipName, Partial<Geometry>>> = {
    esp32: { journalBytes: 65536, appBytes: 196608, filesBytes: 65536 },
    esp8266: { journalBytes: 32768, appBytes: 131072, filesBytes: 32768 },
}

/** What a board gets. */
export interface NodemcuInstallation {
    /** init.lua: the boot loader. */
    readonly loader: string
    /** The first image, as packed. */
    readonly image: Uint8Array
    /** Files such as device.json and config.json. Name → content, latin1. */
    readonly files: Readonly<Record<string, string>>
}

/** Files for the board, in the order in which they are sent; init.lua is the last, so that a board without it has no loader. */
export interface NodemcuUpload {
    /** Name → content. */
    readonly files: ReadonlyMap<string, Buffer>
    /** Lua that is run once behind the region files: it fills them up. */
    readonly fillScript: string
    /** init.lua. */
    readonly loader: Buffer
}

const REGIONS = ["boot", "journal", "app0", "app1", "files0", "files1"] as const
const ERASED = 0xff
const FILL_BYTES = 256

function trimmed(bytes: Buffer): Buffer {
    let end = bytes.length
    while (end > 0 && bytes[end - 1] === ERASED) end--
    return bytes.subarray(0, end)
}

/** Lua that appends erased bytes until every region file has its size; it works with `io` (ESP32) and `file` (ESP8266). */
function fillScript(sizes: ReadonlyMap<string, number>): string {
    const calls = [...sizes].map(([name, size]) => `fill("${name}", ${size})`)
    return `local blank = string.rep("\\255", ${FILL_BYTES})
local open = io and io.open or file.open
local function fill(name, size)
  local f = open(name, "a")
  local at = f:seek("end", 0)
  while at < size do
    local piece = blank
    if size - at < ${FILL_BYTES} then piece = blank:sub(1, size - at) end
    if not f:write(piece) then error("otary: " .. name .. " does not fit the file system") end
    at = at + #piece
  end
  f:close()
end
${calls.join("\n")}
print("otary:" .. "ok")
`
}

/**
 * Everything that a first installation sends.
 * Errors: BoardError BOARD_INSTALL, when the board's firmware would refuse the image.
 */
export function nodemcuUpload(chip: ChipName, { loader, image, files }: NodemcuInstallation): NodemcuUpload {
    const layout = makeLayout({ eraseBytes: 4096, programBytes: 16, loaderBytes: 4096, ...SIZES[chip] })
    const flash = createNorFlash(layout)
    installBoard(flash, layout.regions, { loader: "", image, files, platform: CHIPS[chip].platform })
    const range = (name: (typeof REGIONS)[number]): FlashRange => layout.regions[name]
    const content = (name: (typeof REGIONS)[number]): Buffer => {
        const { offsetBytes, sizeBytes } = range(name)
        return trimmed(flash.array.subarray(offsetBytes, offsetBytes + sizeBytes))
    }
    return {
        files: new Map(REGIONS.map(name => [`${name}.bin`, content(name)])),
        fillScript: fillScript(new Map(REGIONS.map(name => [`${name}.bin`, range(name).sizeBytes]))),
        loader: Buffer.from(loader, "latin1"),
    }
}
