// `otary board` with real processes: installs once, goes on later, refuses what it cannot use.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Command } from "commander"
import { packFolder } from "../../build/pack"
import { manufacture, provisionFiles } from "../../host/board/factory"
import { boardLine, registerBoard, runBoards, type BoardCommandOptions } from "../../host/cli/commands/board"
import { buildChild, makeFolder, until } from "./board-fixture"

const build = makeFolder()
const data = join(build.path, "data")
const image = join(build.path, "image.zip")
let childPath = ""

const APP = `
    import { deviceProperties, fileRead, fileWrite, log } from "otary"
    fileWrite("boots", (fileRead("boots") ?? "") + "I")
    log("boots " + fileRead("boots") + " " + JSON.stringify(deviceProperties()) + " " + fileRead("config.json"))`

beforeAll(async () => {
    childPath = buildChild(build.path)
    const app = join(build.path, "app")
    mkdirSync(app)
    writeFileSync(join(app, "app.js"), APP)
    writeFileSync(join(app, "otary.json5"), `{ name: "demo", version: "1.0.0" }`)
    writeFileSync(image, (await packFolder(app)).bytes)
})
afterEach(() => rmSync(data, { recursive: true, force: true }))
afterAll(() => build.remove())

/** Parses the command line as commander does, without running anything. */
function parse(...args: string[]): BoardCommandOptions {
    const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined })
    registerBoard(program)
    const command = program.commands[0]!.exitOverride().configureOutput({ writeErr: () => undefined })
    let options: BoardCommandOptions | undefined
    command.action(() => void (options = command.optsWithGlobals<BoardCommandOptions>()))
    program.parse(["board", "--data", data, ...args], { from: "user" })
    return options!
}

/** Runs the command until `isDone` holds for its lines. */
async function run(
    options: BoardCommandOptions,
    isDone: (lines: string[]) => boolean,
): Promise<{ lines: string[]; exitCode: number }> {
    const lines: string[] = []
    let end: () => void = () => undefined
    const ended = new Promise<void>(resolve => (end = resolve))
    const exitCode = runBoards(options, { childPath, ended, print: line => void lines.push(line) })
    // A refusal ends the wait as well; it is thrown where the exit code is awaited.
    let isOver = false
    exitCode.then(
        () => (isOver = true),
        () => (isOver = true),
    )
    await until(() => isOver || isDone(lines), "the awaited lines")
    end()
    return { lines, exitCode: await exitCode }
}

const saidBoots = (lines: string[]): boolean => lines.some(line => / {2}boots I/.test(line))

test("installs at the first start, and goes on from the flash at the next", async () => {
    const first = parse(
        "--image",
        image,
        "--cloud",
        "http://127.0.0.1:1",
        "--product",
        "p1",
        "--id",
        "b1",
        "--attribute",
        "ports=32",
        "--attribute",
        "model=Bläk",
    )
    const one = await run(first, saidBoots)
    expect(one.exitCode).toBe(0)
    expect(one.lines).toContain(
        `b1  boots I {"ports":32,"model":"Bläk","id":"b1","product":"p1"} {"builder":"http://127.0.0.1:1"}`,
    )
    expect(one.lines).toEqual(expect.arrayContaining(["b1  boot (power)", "b1  runs version 1.0.0"]))
    const two = await run(parse("--image", image), saidBoots)
    expect(two.lines[0]).toMatch(/--image, --cloud and --product are for new boards/)
    expect(two.lines.find(line => line.includes("  boots "))).toMatch(/^b1 {2}boots II /)
    expect(existsSync(join(data, "lock"))).toBe(false)
})

test("runs several boards, each with a folder, an id and a flash of its own", async () => {
    const options = parse("--image", image, "--boards", "3", "--id", "lab")
    const { lines } = await run(options, all => all.filter(line => line.includes("  boots I")).length === 3)
    for (const id of ["lab-1", "lab-2", "lab-3"]) {
        expect(lines.find(line => line.startsWith(`${id}  boots I `))).toContain(`"id":"${id}"`)
        expect(existsSync(join(data, id, "flash.bin"))).toBe(true)
    }
})

test("--script is taken over by an installed board", async () => {
    await run(parse("--image", image), saidBoots)
    await run(parse("--script", "update"), saidBoots)
    expect(JSON.parse(readFileSync(join(data, "board.json"), "utf8"))).toMatchObject({ script: join(process.cwd(), "update") })
})

test.each([
    [[], "BOARD_INSTALL", /no image to install/],
    [["--image", join(build.path, "absent.zip")], "BOARD_INSTALL", /ENOENT/],
    [["--image", __filename], "BOARD_INSTALL", /refuses the image \(status -10\)/],
    [["--image", image, "--cloud", "ftp://x"], "BOARD_SETTINGS", /no URL of http/],
    [["--image", image, "--id", "a b"], "BOARD_SETTINGS", /"a b" is not 1 to 63 visible/],
])("refuses %j with %s, and leaves no board behind", async (args, code, message) => {
    await expect(run(parse(...args), () => false)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(/./),
    })
    expect(existsSync(join(data, "flash.bin"))).toBe(false)
})

test.each([
    ["--boards", "0"],
    ["--boards", "201"],
    ["--boards", "x"],
    ["--attribute", "novalue"],
    ["--attribute", "=x"],
])("%s %s is a usage error", (...args) => {
    expect(() => parse(...args)).toThrow(expect.objectContaining({ code: "commander.invalidArgument" }))
})

test("attributes are texts unless they look like numbers or truth values", () => {
    const args = ["a=1", "b=true", "c=x=y", "d=", "e=1.50", "f=007", "g=-2", "h=1e5"].flatMap(text => ["--attribute", text])
    expect(parse(...args).attribute).toEqual({ a: 1, b: true, c: "x=y", d: "", e: 1.5, f: "007", g: -2, h: "1e5" })
})

test("provisioning files are ASCII, and leave out what the image says itself", () => {
    const files = provisionFiles({ id: "b", product: "", cloud: "", attributes: { name: "é€", id: "other" } })
    expect(files).toEqual({ "device.json": '{"name":"\\u00e9\\u20ac","id":"b"}' })
})

test("a folder that holds a board is not made into another", async () => {
    await run(parse("--image", image, "--id", "b1"), saidBoots)
    const identity = { id: "b2", product: "", cloud: "", attributes: {} }
    expect(() => manufacture(data, { identity, loader: "0", image: readFileSync(image) })).toThrow(/holds a board already/)
})

test("lines for people tell what matters, and progress by quarters", () => {
    expect(boardLine({ kind: "event", name: "device:progress", value: 50 })).toBe("update 50 %")
    expect(boardLine({ kind: "event", name: "device:progress", value: 51 })).toBe("")
    expect(boardLine({ kind: "event", name: "device:commit", value: "" })).toBe("device:commit")
    expect(boardLine({ kind: "watchdog", timeoutS: 5 })).toBe("")
    expect(boardLine({ kind: "failed", code: "BOARD_SETTINGS", message: "m", hint: "h" })).toBe("BOARD_SETTINGS: m; h")
    expect(boardLine({ kind: "power", isOn: false, reason: "r" })).toBe("power off: r")
    expect(boardLine({ kind: "wish", wish: "exit" })).toBe("the update script asks for exit")
})
