// Who asks, and what they may do: what they may not is not offered.

let caller = null;

export const who = () => caller;
export const become = (next) => { caller = next; };

const has = (...roles) => caller !== null && (!caller.keys_required || ['admin', ...roles].some((role) => caller.roles.includes(role)));
export const mayRead = () => has('auditor', 'operator');
export const mayOperate = () => has('operator');
