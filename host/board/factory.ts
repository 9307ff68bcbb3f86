// The factory of boards that live in folders: identity, flash file and board.json, all there or not at all.

import { createNorFlash } from "../../shims/host/nor-flash"
import { BoardError } from "./board-error"
import { boardPaths, isInstalled, writeSettings } from "./board-folder"
import type { EngineName } from "./board-folder"
import type { ChipName } from "./engines/lua/chips"
import { writeFlashFile } from "./flash-file"
import { installBoard } from "./install"
import { makeLayout } from "./layout"
import type { BoardLayout } from "./layout"

/** Who a board is and where it belongs. */
export interface Identity {
    /** Device id, 1–63 visible ASCII characters. */
    readonly id: string
    /** Product token or id for the registration; "" when the image names it. */
    readonly product: string
    /** Base URL of the device cloud, where the board registers; "" when the image names it. */
    readonly cloud: string
    /** Further properties of device.json. */
    readonly attributes: Readonly<Record<string, unknown>>
}

/** A board to be made. */
export interface FactoryOrder {
    readonly identity: Identity
    /** The boot loader's bundle, ASCII. */
    readonly loader: string
    readonly image: Uint8Array
    /** Absolute path of a script for each update's image; default none. */
    readonly script?: string
    /** Default: makeLayout(). */
    readonly layout?: BoardLayout
    /** What runs the board's code, and the platform of its images; default: Node, and host boards'. */
    readonly engine?: EngineName
    readonly platform?: string
    /** The chip of a Lua board; default: an ESP32. */
    readonly chip?: ChipName
}

/** JSON in ASCII: files on a board hold bytes. */
function asciiJson(value: unknown): string {
    return JSON.stringify(value).replace(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

function checkIdentity({ id, cloud }: Identity): void {
    if (!/^[!-~]{1,63}$/.test(id)) {
        throw new BoardError(
            "BOARD_SETTINGS",
            `the device id "${id}" is not 1 to 63 visible ASCII characters`,
            "choose another id",
        )
    }
    if (cloud !== "" && !(URL.canParse(cloud) && /^https?:\/\//i.test(cloud))) {
        throw new BoardError(
            "BOARD_SETTINGS",
            `the cloud's address "${cloud}" is no URL of http or https`,
            "give it as http://HOST:PORT",
        )
    }
}

/** The files that make a blank board this one: device.json and config.json. Errors: BoardError BOARD_SETTINGS. */
export function provisionFiles(identity: Identity): Record<string, string> {
    checkIdentity(identity)
    const { id, product, cloud, attributes } = identity
    const device = { ...attributes, id, ...(product === "" ? {} : { product }) }
    const files: Record<string, string> = { "device.json": asciiJson(device) }
    if (cloud !== "") files["config.json"] = asciiJson({ builder: cloud })
    return files
}

/**
 * Makes a board in `folder`, which may exist but holds no board. Killed in the middle, it leaves no board.
 * Errors: BoardError BOARD_INSTALL, BOARD_LAYOUT or BOARD_SETTINGS.
 */
export function manufacture(folder: string, order: FactoryOrder): void {
    if (isInstalled(folder)) {
        throw new BoardError("BOARD_INSTALL", `${folder} holds a board already`, "name another folder, or remove this one")
    }
    const layout = order.layout ?? makeLayout()
    const files = provisionFiles(order.identity)
    const flash = createNorFlash(layout)
    installBoard(flash, layout.regions, { loader: order.loader, image: order.image, files, platform: order.platform })
    writeSettings(folder, {
        format: 1,
        id: order.identity.id,
        layout,
        script: order.script ?? "",
        engine: order.engine ?? "host",
        ...(order.chip !== undefined && { chip: order.chip }),
    })
    // The flash file comes last and at once: it is what makes a folder a board.
    writeFlashFile(boardPaths(folder).flash, flash.array, flash.eraseCounts)
}
