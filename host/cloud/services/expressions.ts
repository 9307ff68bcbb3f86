// Expressions that an API caller sends: read before they are kept.

import type { Context } from "../context"
import { policyErrorText } from "../domain/policy/error"
import { parsePolicy } from "../domain/policy/policy"
import { Problem } from "../problems"

/**
 * A blank one, or one that can be read and has no more terms than the cloud allows. A policy that is not understood must not be taken
 * for a blank one. Throws Problem `policy_invalid`.
 */
export function checkExpression({ policyTermsMax }: Context, path: string, text: string): void {
    const parsed = text.trim() === "" ? null : parsePolicy(text, policyTermsMax)
    if (parsed === null || parsed.ok) return
    throw new Problem("policy_invalid", `The expression in ${path} cannot be read; see issues for the place.`, [
        { path, message: policyErrorText(text, parsed.error) },
    ])
}
