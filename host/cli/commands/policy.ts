// otary policy check: what an expression says of a device, with the value of every part of it.

import { readFileSync, statSync } from "node:fs"
import { resolve } from "node:path"
import type { Command } from "commander"
import JSON5 from "json5"
import { pointAt, type PolicyError } from "../../cloud/domain/policy/error"
import { POLICY_TERMS_DEFAULT, POLICY_TERMS_MAX } from "../../cloud/domain/policy/limits"
import type { PolicyDevice } from "../../cloud/domain/policy/names"
import { parsePolicy, type Policy, type PolicyTrace, type TracedValue } from "../../cloud/domain/policy/policy"
import { printPolicy } from "../../cloud/domain/policy/printer"
import { nodesOf } from "../../cloud/domain/policy/tree"
import { showValue } from "../../cloud/domain/policy/values"
import type { Device } from "../api-types"
import { CliError, EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import type { Io } from "../io"
import { addCloudOptions, parseInteger } from "../options"
import { table } from "../output"

interface CheckOptions extends CloudOptions {
    readonly device?: string
    readonly attributes?: string
    readonly newVersion?: string
    readonly terms: number
}

/** Bytes of the largest file of attributes: more than the cloud takes of any device. */
const ATTRIBUTES_BYTES_MAX = 1048576
const NO_DEVICE: PolicyDevice = { id: "", product: "", version: "", attributes: {} }

/** An error in the expression. Its hint shows the place. */
class ExpressionError extends Error {
    readonly code: string
    readonly hint: string

    constructor(text: string, error: PolicyError) {
        super(error.message)
        this.code = error.code
        this.hint = `${pointAt(text, error)}\n${error.hint}`
    }
}

function readObject(cwd: string, file: string): Record<string, unknown> {
    const hint = "name a file with one JSON5 object, such as a device.json5"
    let value: unknown
    try {
        const path = resolve(cwd, file)
        if (statSync(path).size > ATTRIBUTES_BYTES_MAX) throw new Error(`it has more than ${ATTRIBUTES_BYTES_MAX} bytes`)
        value = JSON5.parse(readFileSync(path, "utf8"))
    } catch (error) {
        throw new CliError("CLI_FILE", `cannot read the attributes in ${file}: ${(error as Error).message}`, hint)
    }
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    throw new CliError("CLI_FILE", `${file} holds no object`, hint)
}

/** A device as its check-in would describe it: id, product and version stand among the properties. */
function deviceOf(attributes: Record<string, unknown>): PolicyDevice {
    const textOf = (name: string): string => (typeof attributes[name] === "string" ? attributes[name] : "")
    return { id: textOf("id"), product: textOf("product"), version: textOf("version"), attributes }
}

async function findDevice(io: Io, options: CheckOptions): Promise<PolicyDevice> {
    if (options.device !== undefined && options.attributes !== undefined) {
        throw new CliError("CLI_USAGE", "--device and --attributes are both given", "give one of them")
    }
    if (options.attributes !== undefined) return deviceOf(readObject(io.cwd, options.attributes))
    if (options.device === undefined) return NO_DEVICE
    return connect(io, options).call<Device>("GET", `/devices/${encodeURIComponent(options.device)}`)
}

function shown({ state, value }: TracedValue): string {
    return state === "value" ? showValue(value) : state === "failed" ? "fails" : "–"
}

function traceText({ result, failure, values }: PolicyTrace): string {
    const first = failure === null ? `${result}` : `false, because it fails at ${failure.expression}: ${failure.message}`
    const rows = values.map(one => [shown(one), one.expression])
    return rows.length === 0 ? first : `${first}\n\n${table(["VALUE", "EXPRESSION"], rows)}`
}

/** What may surprise: names that are null because nothing was given for them. */
function remarks({ tree }: Policy, device: PolicyDevice, newVersion: string): string[] {
    const names = nodesOf(tree).flatMap(node => (node.kind === "name" ? [node.name] : []))
    const offers = names.includes("newVersion") && newVersion === ""
    const asks = device === NO_DEVICE && names.some(name => name !== "newVersion")
    return [
        ...(offers ? ["newVersion is null: name the version on offer with --new-version"] : []),
        ...(asks ? ["no device is given, so that every property is null: name one with --device or --attributes"] : []),
    ]
}

async function check({ io, output, args, options }: CommandContext<CheckOptions>): Promise<number> {
    const text = args[0]!
    const parsed = parsePolicy(text, options.terms)
    if (!parsed.ok) throw new ExpressionError(text, parsed.error)
    const { policy } = parsed
    const newVersion = options.newVersion ?? ""
    const device = await findDevice(io, options)
    const trace = policy.trace(device, newVersion)
    for (const remark of remarks(policy, device, newVersion)) output.note(remark)
    const { result, failure, values } = trace
    output.result({ result, terms: policy.terms, expression: printPolicy(policy.tree), failure, values }, traceText(trace))
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerPolicy(program: Command, cli: Cli): void {
    const group = program.command("policy").description("try out the expressions that say which devices get a release")
    addCloudOptions(group.command("check"))
        .description("evaluate an expression and show the value of every part; exit code 1 for an error in it")
        .argument("<expression>", "such as 'memory >= 512 && semver(version, \"<\", newVersion)'; blank for the default policy")
        .option("--device <id>", "with the properties of this device of the cloud")
        .option("--attributes <file>", "with the properties in a JSON5 file, such as a device.json5")
        .option("--new-version <version>", "the version on offer, newVersion in the expression")
        .option("--terms <n>", "terms that the cloud allows", parseInteger(1, POLICY_TERMS_MAX), POLICY_TERMS_DEFAULT)
        .action(cli.action(check))
}
