// What an Espruino board has against damage to its Storage: a copy of the boot loader, and `.boot1`, which mends and starts that copy.

import { ESPRUINO_FILE, espruinoFileBytes, STORAGE_HEAD_BYTES, type EspruinoModel } from "./espruino-layout"

/** Storage file of the loader's copy. */
const COPY_FILE = "loader"

/** The first bytes of Storage: size and name of the board's file (Espruino, src/jsflash.h, JsfFileHeader). */
function fileHead(model: EspruinoModel): Buffer {
    const head = Buffer.alloc(STORAGE_HEAD_BYTES)
    head.writeUInt32LE(espruinoFileBytes(model))
    head.write(ESPRUINO_FILE, 4, "latin1")
    return head
}

/**
 * `.boot1`, which Espruino runs behind `.boot0`. Where the head of the board's file is not what it was (its name is gone, or it was
 * erased), the loader finds no code: the page, which holds nothing else, is made anew. Where `.boot0` has not run, its copy does.
 */
function rescueScript(model: EspruinoModel): string {
    const head = fileHead(model).toString("base64")
    const at = model.storageAddress
    return (
        `(function(){var f=require("Flash"),h=atob("${head}"),r=function(){return E.toString(f.read(${STORAGE_HEAD_BYTES},${at}))};` +
        `if(r()===h||r()===h)return;f.erasePage(${at});f.write(h,${at});if(r()===h)E.reboot()})();` +
        `if(!global.otary)eval(require("Storage").read("${COPY_FILE}"))`
    )
}

/** The Storage files of the rescue, for a loader as `.boot0` has it. Name → content. */
export function rescueFiles(model: EspruinoModel, loader: string): Record<string, string> {
    return { [COPY_FILE]: loader, ".boot1": rescueScript(model) }
}
