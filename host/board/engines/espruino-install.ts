// First installation on Espruino, as lines for its console: the same lines go to real hardware and to an emulated board.

import { createHash } from "node:crypto"
import { createNorFlash } from "../../../shims/host/nor-flash"
import { installBoard } from "../install"
import { ESPRUINO_FILE, espruinoBench, espruinoFileBytes, espruinoLayout, FACTORY_LOADER_BYTES } from "./espruino-layout"
import type { EspruinoModel } from "./espruino-layout"
import { rescueFiles } from "./espruino-rescue"

/** Platform of the images. */
export const ESPRUINO_PLATFORM = "espruino"

/** What a board gets. */
export interface EspruinoInstallation {
    /** `.boot0`: the boot loader's bundle for this board's layout, a character a byte. */
    readonly loader: string
    /** The first image, as packed. */
    readonly image: Uint8Array
    /** Files such as device.json and config.json. Name → content, latin1. */
    readonly files: Readonly<Record<string, string>>
    /** Further Storage files, ASCII. */
    readonly storage?: Readonly<Record<string, string>>
}

/** One step: a line of JavaScript for the console, which prints INSTALLED when it worked. */
export interface InstallStep {
    readonly line: string
    /** For people: what the line does. */
    readonly what: string
}

/** What every line prints when it has done its work; no line holds it in one piece, so that an echo is no success. */
export const INSTALLED = "otary:ok"
/** Bytes in one line: the console's input buffer is small. */
const LINE_BYTES = 384
const ERASED = 0xff

/** All regions as the factory's bench makes them, the empty region for a host's loader left out. */
function regionBytes(model: EspruinoModel, { image, files }: EspruinoInstallation): Buffer {
    const layout = espruinoBench(model)
    const flash = createNorFlash(layout)
    installBoard(flash, layout.regions, { loader: "", image, files, platform: ESPRUINO_PLATFORM })
    return flash.array.subarray(FACTORY_LOADER_BYTES)
}

function isBlank(bytes: Buffer): boolean {
    return bytes.every(byte => byte === ERASED)
}

const check = (condition: string): string => `print(${condition}?"otary:"+"ok":"otary:"+"failed");`

function regionSteps(model: EspruinoModel, bytes: Buffer): InstallStep[] {
    const { address } = espruinoLayout(model)
    const steps: InstallStep[] = []
    for (let at = 0; at < bytes.length; at += LINE_BYTES) {
        const piece = bytes.subarray(at, at + LINE_BYTES)
        if (isBlank(piece)) continue
        const data = `var d=atob("${piece.toString("base64")}");`
        const write = `require("Flash").write(d,${address + at});`
        const readBack = `E.toString(require("Flash").read(${piece.length},${address + at}))===d`
        steps.push({ line: data + write + check(readBack), what: `regions: ${piece.length} bytes at ${at}` })
    }
    return steps
}

function fileSteps(name: string, content: string): InstallStep[] {
    const steps: InstallStep[] = []
    for (let at = 0; at < content.length; at += LINE_BYTES) {
        const piece = Buffer.from(content.slice(at, at + LINE_BYTES), "latin1").toString("base64")
        const size = at === 0 ? `,${content.length}` : ""
        const line = check(`require("Storage").write("${name}",atob("${piece}"),${at}${size})`)
        steps.push({ line, what: `${name}: from byte ${at}` })
    }
    const digest = createHash("sha256").update(content, "latin1").digest("base64")
    const hash = `btoa(E.toString(require("crypto").SHA256(require("Storage").read("${name}"))))`
    return [...steps, { line: check(`${hash}==="${digest}"`), what: `${name}: compared` }]
}

/**
 * The steps of an installation, in their order: Storage is wiped, the file with the regions made before any other, the regions
 * filled, and the boot loader written last, behind its copy, so that a board whose installation broke off has none.
 * Errors: BoardError BOARD_INSTALL, when the board's firmware would refuse the image.
 */
export function espruinoInstallSteps(model: EspruinoModel, installation: EspruinoInstallation): InstallStep[] {
    const { storageAddress } = model
    const bytes = regionBytes(model, installation)
    const name = `E.toString(require("Flash").read(${ESPRUINO_FILE.length},${storageAddress + 4}))==="${ESPRUINO_FILE}"`
    const makeFile = `require("Storage").write("${ESPRUINO_FILE}","",0,${espruinoFileBytes(model)});`
    const wiped = check(`require("Storage").list().length===0`)
    return [
        { line: `require("Storage").eraseAll();${wiped}`, what: "Storage: wiped" },
        { line: makeFile + check(name), what: `Storage: the file ${ESPRUINO_FILE} at its start` },
        ...regionSteps(model, bytes),
        ...Object.entries(installation.storage ?? {}).flatMap(([file, content]) => fileSteps(file, content)),
        ...Object.entries(rescueFiles(model, installation.loader)).flatMap(([file, content]) => fileSteps(file, content)),
        ...fileSteps(".boot0", installation.loader),
    ]
}
