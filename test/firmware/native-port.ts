// The core's port of native firmware over an emulated chip, as the shim of NodeMCU has it over the module otaupgrade.

import type { Native, Stage } from "../../firmware/ports"
import { STATUS_FLASH, STATUS_NATIVE, STATUS_OK } from "../../firmware/status"
import { createOta, type Ota, type OtaOptions, type OtaStore } from "../../host/board/engines/lua/ota"

/** The board restarts: nothing behind the call is done. */
export class BoardRestart extends Error {}

const numberOf = (label: string): number => label.charCodeAt(label.length - 1)
const statusOf = (message: string, status: number): number => (message === "" ? STATUS_OK : status)

/** The port. */
export function nativePort(ota: Ota, stage: Stage): Native {
    let writtenBytes = -1
    const stateOf = (label: string): string => ota.info().partitions.find(one => one.label === label)!.state
    const isOnTrial = (): boolean => stateOf(ota.info().running) === "testing"
    const region = {
        sizeBytes: 0x7fffffff,
        eraseBytes: 4096,
        programBytes: 1,
        read: () => "",
        erase(offset: number) {
            if (offset > 0) return offset === writtenBytes ? STATUS_OK : STATUS_FLASH
            writtenBytes = 0
            return statusOf(ota.commence(), STATUS_FLASH)
        },
        program: () => STATUS_FLASH,
        programStaged(_: number, lengthBytes: number) {
            if (ota.write(Buffer.from(stage.take(lengthBytes), "latin1")) !== "") return STATUS_FLASH
            writtenBytes += lengthBytes
            return STATUS_OK
        },
        matchesStaged: (offset: number, lengthBytes: number) => offset + lengthBytes === writtenBytes,
    }
    return {
        region,
        running: () => numberOf(ota.info().running),
        isOnTrial,
        finish() {
            if (ota.complete() !== "") return STATUS_NATIVE
            if (stateOf(ota.info().next) === "new") return numberOf(ota.info().next)
            ota.commence()
            return STATUS_NATIVE
        },
        accept: () => statusOf(ota.accept(), STATUS_NATIVE),
        leave() {
            if (ota.rollback() === "" || isOnTrial()) throw new BoardRestart()
        },
    }
}

/** A store in memory; `onWrite` is called ahead of every write. */
export function memoryStore(onWrite: () => void = () => undefined): OtaStore {
    const files = new Map<string, Buffer>()
    const read = (name: string): Buffer => files.get(name) ?? Buffer.alloc(0)
    return {
        read,
        write(name, offset, bytes) {
            onWrite()
            const old = read(name)
            const next = Buffer.alloc(Math.max(old.length, offset + bytes.length), 0xff)
            old.copy(next)
            bytes.copy(next, offset)
            files.set(name, next)
        },
        erase(name) {
            onWrite()
            files.delete(name)
        },
    }
}

/** A chip in memory. */
export function memoryOta(options?: OtaOptions, onWrite?: () => void): Ota {
    return createOta(memoryStore(onWrite), options)
}
