// Native firmware in an image: the file that otary.json5 names, as the last part; refused where no board could take it.

import { inspectImage } from "../../build/inspect"
import { packFolder } from "../../build/pack"
import { otaImageEncode } from "../../host/board/engines/lua/ota-image"
import { APP, makeFolder } from "./folder"

const FIRMWARE = otaImageEncode({ version: "1", program: "" }, 10_000)

function folderWith(settings: Record<string, unknown>, files: Record<string, Buffer> = { "out/nodemcu.bin": FIRMWARE }): string {
    return makeFolder({
        ...APP,
        ...files,
        "otary.json5": JSON.stringify({ name: "demo", version: "1.2.0", target: "nodemcu", ...settings }),
    })
}

it("is the last part, byte for byte, with its block list", async () => {
    const { bytes, manifest } = await packFolder(folderWith({ fw: "out/nodemcu.bin" }))
    const { entries, parts, problems } = inspectImage(bytes)
    expect(problems).toEqual([])
    expect(entries.at(-2)).toMatchObject({ name: "fw.blocks", sizeBytes: 3 * 32 })
    const { offsetBytes, sizeBytes } = entries.at(-1)!
    expect(entries.at(-1)).toMatchObject({ name: "fw.bin", sizeBytes: FIRMWARE.length })
    expect(bytes.includes(FIRMWARE, offsetBytes) && sizeBytes === FIRMWARE.length).toBe(true)
    expect(parts.at(-1)).toMatchObject({ name: "fw", type: "fw", isVerified: true, blocks: 3 })
    const other = await packFolder(folderWith({ fw: "f" }, { f: otaImageEncode({ version: "2", program: "" }) }))
    expect(other.manifest.build_id).not.toBe(manifest.build_id)
})

it.each([
    ["for boards that cannot replace theirs", { fw: "out/nodemcu.bin", target: "espruino" }, FIRMWARE, /target espruino cannot/],
    ["that is not there", { fw: "out/none.bin" }, FIRMWARE, /none\.bin is no file/],
    ["that is a folder", { fw: "out" }, FIRMWARE, /out is no file/],
    ["that is no application image", { fw: "out/nodemcu.bin" }, Buffer.alloc(100), /no application image/],
    ["above the largest image", { fw: "out/nodemcu.bin" }, Buffer.alloc(67108865, 0xe9), /67108865 bytes/],
])("is refused: a file %s", async (_, settings, firmware, message) => {
    const folder = folderWith(settings, { "out/nodemcu.bin": firmware })
    await expect(packFolder(folder)).rejects.toMatchObject({ code: "PACK_NATIVE", message: expect.stringMatching(message) })
})
