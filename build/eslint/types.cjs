// What lint rules ask of the type checker. Without type information every answer is "do not know", and nothing is reported.

"use strict"

const ts = require("typescript")

/** The types that a type is made of: itself, or the members of a union. */
function members(type) {
    return type.isUnion() ? type.types : [type]
}

/** The type of a node; undefined where the parser has no type information. */
function typeOf(context, node) {
    const services = context.sourceCode.parserServices
    return services?.program ? services.getTypeAtLocation(node) : undefined
}

/** Whether every value that a node can have is of a kind (ts.TypeFlags); undefined when it is not known. */
function isOf(context, node, flags) {
    const type = typeOf(context, node)
    return type === undefined ? undefined : members(type).every(member => (member.flags & flags) !== 0)
}

/** Whether a node is a string for certain. */
const isString = (context, node) => isOf(context, node, ts.TypeFlags.StringLike)
/** Whether a node is a boolean for certain. */
const isBoolean = (context, node) => isOf(context, node, ts.TypeFlags.BooleanLike | ts.TypeFlags.Never)

module.exports = { isBoolean, isString }
