// A packed image on the device's core: the parts arrive as they were packed, and old files are kept beside the new ones.

import { filesAreaDecode } from "../../build/files-area"
import { packFolder } from "../../build/pack"
import { zipRead } from "../../build/zip"
import { STATUS_DONE, STATUS_OK, STATUS_PRODUCT } from "../../firmware/status"
import { createRig, feed, install, slotBytes, updateOptions } from "../firmware/core"
import { APP, makeFolder } from "./folder"

const partOf = (image: Buffer, name: string): Buffer => zipRead(image).entries.find(entry => entry.name === name)!.bytes

describe("a packed image on a board", () => {
    it("is taken; both sides understand each other's files areas", async () => {
        const { bytes } = await packFolder(makeFolder(APP))
        const rig = createRig()
        const core = install(rig, Buffer.from("old app"), { "user.txt": "kept", "etc/greeting.txt": "replaced" })
        expect(core.updater.updaterContextCreate(updateOptions("id", bytes.length))).toBe(STATUS_OK)
        expect(feed(core, bytes, 1000)).toBe(STATUS_DONE)
        expect(core.updater.updaterFinish()).toBe(STATUS_OK)

        const app = partOf(bytes, "app.js")
        expect(slotBytes(rig, 1, app.length).equals(app)).toBe(true)
        const { offsetBytes, sizeBytes } = rig.layout.regions.files1
        const files = filesAreaDecode(Buffer.from(rig.flash.array.subarray(offsetBytes, offsetBytes + sizeBytes)))!
        expect([...files.keys()].sort()).toEqual(["etc/greeting.txt", "logo.bin", "user.txt"])
        expect(files.get("etc/greeting.txt")!.toString()).toBe("hello\n")
        expect(files.get("user.txt")!.toString()).toBe("kept")
    })

    it("is refused by a board of another product", async () => {
        const { bytes } = await packFolder(makeFolder(APP))
        const core = install(createRig(), Buffer.from("old app"))
        core.running.runningProductInstall("P2")
        expect(core.updater.updaterContextCreate(updateOptions())).toBe(STATUS_OK)
        expect(feed(core, bytes, 4096)).toBe(STATUS_PRODUCT)
    })
})
