// What a boot of the searched board consists of, as one bundle.

import { bootDecide, bootReason, bootRecord } from "../../firmware/boot"
import { bootRecordFirst, bootRecordRead, bootRecordStart, bootRecordWrite } from "../../firmware/boot-record"
import { bootState, commit, createSnapshot, revert } from "../../firmware/commit"
import { fileList, fileRead, fileRemove, fileWrite, filesMount } from "../../firmware/files"
import { logAlignFor, logFormat } from "../../firmware/files-log"
import { portsInstall } from "../../firmware/ports"
import { runningInstall } from "../../firmware/running"
import { updaterContextCreate, updaterFinish, updaterProcess, updaterResumeOffset } from "../../firmware/updater"

declare const give: (core: SearchCore) => void

const core = {
    bootDecide,
    bootReason,
    bootRecord,
    bootRecordFirst,
    bootRecordRead,
    bootRecordStart,
    bootRecordWrite,
    bootState,
    commit,
    createSnapshot,
    fileList,
    fileRead,
    fileRemove,
    fileWrite,
    filesMount,
    logAlignFor,
    logFormat,
    portsInstall,
    revert,
    runningInstall,
    updaterContextCreate,
    updaterFinish,
    updaterProcess,
    updaterResumeOffset,
}

/** The core as a boot has it. */
export type SearchCore = typeof core

give(core)
