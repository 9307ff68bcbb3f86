// The factory: brings loader, first image and provisioning files onto a blank flash, with the firmware's own updater.

import { applyImage } from "../../firmware/apply"
import { bootRecordFirst, bootRecordRead, bootRecordWrite } from "../../firmware/boot-record"
import { fileWrite, filesMount } from "../../firmware/files"
import { logAlignFor, logFormat } from "../../firmware/files-log"
import { journalForget } from "../../firmware/journal"
import { portsInstall } from "../../firmware/ports"
import type { Bytes, Ports } from "../../firmware/ports"
import { runningInstall, runningProductInstall } from "../../firmware/running"
import * as status from "../../firmware/status"
import { updaterAbort, updaterContextCreate, updaterProcess } from "../../firmware/updater"
import { createVirtualClock } from "../../shims/host/clock"
import type { Flash, FlashLayout } from "../../shims/host/hardware"
import { hostPorts } from "../../shims/host/main"
import { createHttp } from "../../shims/host/net"
import { sha256 } from "../../shims/host/stage"
import { BoardError } from "./board-error"
import { encodeLoader } from "./boot-rom"

/** What a board gets at the factory. */
export interface Installation {
    /** The boot loader's bundle, ASCII. */
    readonly loader: string
    /** The first image, as packed. */
    readonly image: Uint8Array
    /** Files beside those of the image, such as device.json and config.json; they win over the image's own. Name → content, latin1. */
    readonly files: Readonly<Record<string, Bytes>>
    /** Platform that the image must be for; default: that of host boards. */
    readonly platform?: string
}

const APP_SLOT = 0
const FILES_AREA = 0
const PIECE_BYTES = 16384
const HINT_IMAGE = "check the image with `otary inspect`, and pack it for platform host"

/**
 * Installs on a blank flash: afterwards the board boots the image out of slot 0, committed, with nothing to go back to.
 * It uses the firmware's ports, which a process has once: firmware code that is used directly has to install its own again.
 * Errors: BoardError BOARD_INSTALL; `status` tells why the firmware refused the image.
 */
export function installBoard(flash: Flash, layout: FlashLayout, installation: Installation): void {
    const ports = factoryPorts(flash, layout)
    ports.platform = installation.platform ?? ports.platform
    portsInstall(ports)
    runningInstall({ name: "", version: "", build_id: "", security: 0 })
    runningProductInstall("")
    installLoader(flash, layout, installation.loader)
    installBlank(ports)
    installImage(Buffer.from(installation.image))
    installCommitted(readSecurity(Buffer.from(installation.image)))
    for (const [name, content] of Object.entries(installation.files)) {
        check(
            fileWrite(name, content),
            `the file ${name} cannot be written`,
            "shorten it, or pack the board's image with larger files areas",
        )
    }
}

function check(result: number, what: string, hint: string): void {
    if (result < 0) throw new BoardError("BOARD_INSTALL", `${what} (status ${result})`, hint, result)
}

/** The firmware on the factory's bench: a chip, and nothing that moves. */
function factoryPorts(flash: Flash, layout: FlashLayout): Ports {
    const nothing = (): void => undefined
    const clock = createVirtualClock(0)
    const none = { random: () => 0, reset: nothing, watchdog: nothing, log: nothing, notify: nothing, run: nothing }
    return hostPorts({ layout, flash, clock, http: createHttp(clock), sha256, ...none })
}

function installLoader(flash: Flash, layout: FlashLayout, code: string): void {
    const { offsetBytes, sizeBytes } = layout.loader
    const bytes = encodeLoader(code)
    const padded = bytes + "\xff".repeat((flash.programBytes - (bytes.length % flash.programBytes)) % flash.programBytes)
    if (padded.length > sizeBytes) {
        const message = `the boot loader has ${code.length} bytes, and its region holds ${sizeBytes}`
        throw new BoardError("BOARD_INSTALL", message, "give the region `loader` more room")
    }
    if (flash.program(offsetBytes, padded) === 0 && flash.read(offsetBytes, padded.length) === padded) return
    throw new BoardError("BOARD_INSTALL", "the boot loader cannot be written", "replace the flash", status.STATUS_FLASH)
}

/** A record that says: slot 1 runs. It is empty, but so the updater writes slot 0. */
function installBlank(ports: Ports): void {
    const record = bootRecordFirst()
    record.activeApp = 1 - APP_SLOT
    record.activeFiles = 1 - FILES_AREA
    const area = ports.files[1 - FILES_AREA]
    check(logFormat(area, logAlignFor(area)), "the files area cannot be formatted", "replace the flash")
    check(bootRecordWrite(record), "the boot record cannot be written", "replace the flash")
    filesMount()
}

function installImage(image: Buffer): void {
    const options = { identity: "", updateId: "", commitTimeoutS: 0, sizeBytes: image.length, ignoreSameVersion: true }
    let result = updaterContextCreate(options)
    for (let at = 0; at < image.length && result === status.STATUS_OK; at += PIECE_BYTES) {
        result = updaterProcess(image.toString("latin1", at, at + PIECE_BYTES))
    }
    updaterAbort()
    if (result === status.STATUS_OK) result = status.STATUS_TRUNCATED
    check(result, "the board refuses the image", HINT_IMAGE)
    // Instead of updaterFinish, which ends the updater's life until a reset.
    result = applyImage({ appSlot: APP_SLOT, filesArea: FILES_AREA, updateId: "", commitTimeoutS: 0 })
    check(result, "the image does not verify in flash", HINT_IMAGE)
}

/** Turns the image on trial into the board's own, with no way back: there is nothing behind it. */
function installCommitted(security: number): void {
    const record = bootRecordRead()
    if (record === undefined) return check(status.STATUS_NO_BOOT_RECORD, "the boot record cannot be read", "replace the flash")
    const { sequence, activeApp, activeFiles, appBytes, appDigests, appSecurity } = record
    if (activeApp !== APP_SLOT) check(status.STATUS_NO_PARTS, "the image brings no app", HINT_IMAGE)
    const committed = { ...bootRecordFirst(), sequence, activeApp, activeFiles, appBytes, appDigests, appSecurity, security }
    check(bootRecordWrite(committed), "the boot record cannot be written", "replace the flash")
    check(journalForget(), "the journal cannot be erased", "replace the flash")
    check(filesMount(), "the files area cannot be read", "replace the flash")
}

/** The manifest's security counter. The updater has accepted the image: its first entry is the manifest (APPNOTE 6.3.10, 4.3.7). */
function readSecurity(image: Buffer): number {
    const at = 30 + image.readUInt16LE(26) + image.readUInt16LE(28)
    const manifest = JSON.parse(image.toString("utf8", at, at + image.readUInt32LE(18))) as { security?: number }
    return manifest.security ?? 0
}
