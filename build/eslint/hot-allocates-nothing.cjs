// Lint rule: a function whose docblock says @hot takes no memory, since it runs for every chunk of an image.

"use strict"

const { isString } = require("./types.cjs")

/** Node type → what it makes. */
const ALLOCATES = {
    ArrayExpression: "an array",
    AwaitExpression: "a promise",
    ClassExpression: "a class",
    NewExpression: "an object",
    ObjectExpression: "an object",
    SpreadElement: "a copy (spread)",
    TaggedTemplateExpression: "a string",
    TemplateLiteral: "a string",
    TryStatement: "a closure (try)",
    YieldExpression: "an object",
}

/** Methods that answer with a new string or array, or that make one grow. */
const ALLOCATING_METHODS = new Set(
    `apply bind call concat entries fill filter flat flatMap forEach from join keys map match matchAll normalize of padEnd
    padStart push reduce reduceRight repeat replace replaceAll reverse slice sort splice split subarray substr substring
    toFixed toLowerCase toString toUpperCase trim trimEnd trimStart unshift values fromCharCode fromCodePoint`.split(/\s+/),
)

/** Whether the docblock that belongs to a function says @hot. It stands ahead of the statement that declares it. */
function isHot(sourceCode, node) {
    let statement = node
    while (statement.parent && !/Declaration$|^Property|^MethodDefinition/.test(statement.type)) statement = statement.parent
    if (statement.parent?.type.startsWith("Export")) statement = statement.parent
    const comment = sourceCode.getCommentsBefore(statement).at(-1)
    return comment?.type === "Block" && comment.value.startsWith("*") && /@hot\b/.test(comment.value)
}

module.exports = {
    meta: {
        type: "problem",
        schema: [],
        messages: {
            allocates: "a @hot function makes nothing new, but this makes {{what}}",
            method: "a @hot function makes nothing new, but {{name}}() does",
        },
    },
    create(context) {
        const { sourceCode } = context
        /** The functions around the current node, outermost first: whether each is hot. */
        const stack = []
        const inHot = () => stack.includes(true)
        const report = (node, what) => context.report({ node, messageId: "allocates", data: { what } })
        const joinsStrings = node =>
            [node.left, node.right].some(
                side => typeof side.value === "string" || side.type === "TemplateLiteral" || isString(context, side),
            )

        const listeners = {
            ":function"(node) {
                if (inHot()) report(node, "a function")
                stack.push(stack.length === 0 && isHot(sourceCode, node))
            },
            ":function:exit"() {
                stack.pop()
            },
            "BinaryExpression[operator='+'], AssignmentExpression[operator='+=']"(node) {
                if (inHot() && joinsStrings(node)) report(node, "a string (+)")
            },
            CallExpression(node) {
                const name = node.callee.type === "MemberExpression" ? node.callee.property.name : undefined
                if (inHot() && ALLOCATING_METHODS.has(name)) context.report({ node, messageId: "method", data: { name } })
            },
            Literal(node) {
                if (inHot() && node.regex) report(node, "a regular expression")
                if (inHot() && node.bigint) report(node, "a big integer")
            },
        }
        for (const [type, what] of Object.entries(ALLOCATES)) {
            listeners[type] = node => {
                if (inHot()) report(node, what)
            }
        }
        return listeners
    },
}
