// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMigrationApprovals} from "./IMigrationApprovals.sol";
import {Capacity, Resource} from "./IResources.sol";

/// @title IVMLifecycle
/// @notice Virtual machines as leases of hosts: who may run which, since when, and what it has used.
///
/// Money. Accounts hold prepaid balances of the resource tokens. A VM is funded for a number of seconds and has used a
/// number of seconds; what these are in tokens follows from its capacity, rounded against the customer while it is held
/// (funded: up) and against the provider when it is paid (used: down), always over the whole life, so that how often it
/// is settled makes no difference. Time is used while the VM runs (Running, and MigrationPending of a VM that runs on)
/// and its host is alive (`IHostRegistry`), never beyond what is funded. What is not used belongs to the customer.
///
/// Entitlement. At every moment at most one host is entitled to run a VM (`entitledHost`). Each command and each change
/// of entitlement raises the VM's epoch; an acknowledgement names the epoch that it answers and is refused when it has
/// moved on. A migration entitles nobody until the target has acknowledged; a target restores paused and resumes only
/// when its acknowledgement is final.
///
/// @dev ASSUMPTION: the resource tokens are NovaCron's: they take no fee and never call back.
interface IVMLifecycle is IMigrationApprovals {
    /// @notice See docs/vm-states.md for the table of states and commands.
    enum State {
        Stopped,
        Starting,
        Running,
        Stopping,
        Paused,
        MigrationPending,
        Migrating,
        Failed,
        Unknown,
        Suspended,
        Terminated
    }

    /// @notice A VM.
    struct VM {
        address customer;
        uint32 policyId;
        State state;
        /// @dev The state the last migration began in: Running, Stopped or Failed.
        State origin;
        /// @dev In Migrating: the source has saved the VM and let go of it.
        bool released;
        /// @dev Whether it holds its capacity on the host.
        bool holding;
        uint32 epoch;
        uint32 hostId;
        /// @dev Target of a migration, otherwise 0.
        uint32 targetId;
        /// @dev The host's clock up to which `used` is counted.
        uint40 since;
        uint40 used;
        uint40 funded;
        /// @dev Seconds of `used` that are paid to providers.
        uint40 settled;
        /// @dev When `expire` (or the provider, for a VM that rests) may act, in seconds; 0 never.
        uint40 deadline;
        Capacity capacity;
        /// @dev SHA-256 of the latest state record; of the configuration at first.
        bytes32 record;
    }

    error VMLifecycle_UnknownVM(uint256 vmId);
    error VMLifecycle_NotCustomer(uint256 vmId, address caller);
    /// @notice `caller` is not the provider of the VM's host.
    error VMLifecycle_NotProvider(uint256 vmId, address caller);
    /// @notice The VM's state does not allow this.
    error VMLifecycle_WrongState(uint256 vmId, State state);
    /// @notice The acknowledgement answers epoch `given`; the VM is at `current`.
    error VMLifecycle_StaleEpoch(uint256 vmId, uint256 given, uint256 current);
    /// @notice Its time is over, or (`deadline` in the future) not yet.
    error VMLifecycle_TooLate(uint256 vmId, uint256 deadline);
    error VMLifecycle_TooEarly(uint256 vmId, uint256 deadline);
    error VMLifecycle_NothingToExpire(uint256 vmId, State state);
    /// @notice A VM has at least one vCPU thousandth and one MB of memory.
    error VMLifecycle_ZeroCapacity();
    /// @notice At least an hour at creation, at least a second afterwards, at most 2^40 seconds in total.
    error VMLifecycle_BadDuration(uint256 seconds_);
    error VMLifecycle_ZeroAmount();
    error VMLifecycle_ZeroAddress();
    error VMLifecycle_InsufficientBalance(address account, Resource resource, uint256 balance, uint256 needed);
    /// @notice The provider has no host there, or the VM is already on it.
    error VMLifecycle_NoTarget(uint256 vmId, uint256 hostId, bytes32 region);
    /// @notice Leaving the region takes approvals, and the VM's policy has no approvers.
    error VMLifecycle_NoApprovers(uint256 vmId);
    error VMLifecycle_NoFunds(uint256 vmId);
    error VMLifecycle_NotReleased(uint256 vmId);
    /// @notice The digest of a record or a configuration is not zero.
    error VMLifecycle_ZeroRecord();
    /// @notice With so little gas a call of the registry could be made to fail; send more.
    error VMLifecycle_TooLittleGas();
    /// @notice `caller` is neither the customer nor the agent of the entitled host.
    error VMLifecycle_NotRecorder(uint256 vmId, address caller);

    event Deposited(address indexed account, Resource indexed resource, uint256 amount, address indexed payer);
    event Withdrawn(address indexed account, Resource indexed resource, uint256 amount, address indexed recipient);
    event VMCreated(
        uint256 indexed vmId,
        address indexed customer,
        uint256 indexed hostId,
        Capacity capacity,
        uint256 policyId,
        bytes32 configuration
    );
    /// @notice The VM was in `from` and is in `to`; `hostId` is the host it is leased on afterwards.
    event StateChanged(uint256 indexed vmId, uint256 indexed hostId, State from, State to, uint256 epoch);
    event Funded(uint256 indexed vmId, address indexed payer, uint256 seconds_, uint256 funded);
    event Settled(uint256 indexed vmId, address indexed provider, uint256 seconds_, uint256 used);
    event Refunded(uint256 indexed vmId, address indexed customer, uint256 seconds_);
    event MigrationRequested(
        uint256 indexed vmId, uint256 indexed hostId, uint256 indexed targetHostId, uint256 epoch, uint256 expiry
    );
    event MigrationReleased(uint256 indexed vmId, uint256 indexed hostId, bytes32 record);
    event CapacityReclaimed(uint256 indexed vmId, uint256 indexed hostId);
    event StateRecorded(uint256 indexed vmId, address indexed recorder, bytes32 record, uint256 epoch);

    // Times, in seconds

    /// @notice Least funding at creation (1 hour).
    function MIN_LEASE() external view returns (uint40);
    /// @notice Starting and Stopping (15 minutes).
    function COMMAND_TIMEOUT() external view returns (uint40);
    /// @notice Paused (24 hours).
    function PAUSE_LIMIT() external view returns (uint40);
    /// @notice MigrationPending (24 hours).
    function APPROVAL_TIMEOUT() external view returns (uint40);
    /// @notice Migrating (1 hour).
    function MIGRATION_TIMEOUT() external view returns (uint40);
    /// @notice Unknown (1 hour).
    function UNKNOWN_LIMIT() external view returns (uint40);
    /// @notice From when on the provider may take capacity back from a VM that rests (1 hour).
    function IDLE_GRACE() external view returns (uint40);
    /// @notice From when on the provider may end the lease of a VM that rests (30 days).
    function RETENTION() external view returns (uint40);

    // Prepaid balances

    /// @notice Pay `amount` of the caller's tokens into the balance of `account`.
    function deposit(Resource resource, uint256 amount, address account) external;
    /// @notice The same with an ERC-2612 permit of the caller; a permit that was used already does no harm.
    function depositWithPermit(
        Resource resource,
        uint256 amount,
        address account,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;
    /// @notice Take tokens out of the caller's balance. Works in every state of everything.
    function withdraw(Resource resource, uint256 amount, address recipient) external;

    // Customers

    /// @notice Lease a VM on `hostId`, Stopped. Its funding comes out of the caller's balance; what is missing there is
    /// taken from the caller's allowance.
    /// @param capacity what it has; all of it is charged while it runs.
    /// @param seconds_ how long it can run on this funding, at least an hour.
    /// @param policyId who approves migrations abroad; 0 for the default.
    /// @param configuration SHA-256 of the record that describes it (`novacron.storage`).
    function createVM(
        uint256 hostId,
        Capacity calldata capacity,
        uint40 seconds_,
        uint32 policyId,
        bytes32 configuration
    ) external returns (uint256 vmId);
    /// @notice The same on `provider`'s host in `region`, CPU in thousandths and memory in MB, with the default policy.
    function createVM(
        bytes32 region,
        uint32 cpu,
        uint32 memory_,
        address provider,
        uint40 seconds_,
        bytes32 configuration
    ) external returns (uint256 vmId);
    /// @notice Fund `seconds_` more out of the caller's balance and allowance. A VM whose funds had run out is Suspended
    /// first: the gap is never charged.
    function topUp(uint256 vmId, uint40 seconds_) external;
    function start(uint256 vmId) external;
    function stop(uint256 vmId) external;
    function pause(uint256 vmId) external;
    function resume(uint256 vmId) external;
    /// @notice End the lease in any state; what is not used goes to the customer's balance.
    function terminate(uint256 vmId) external;
    /// @notice Move to the provider's host in another region.
    function migrateVM(uint256 vmId, bytes32 targetRegion) external;
    /// @notice Move to a given host, of another provider too.
    function migrateToHost(uint256 vmId, uint256 targetHostId) external;
    /// @notice Give a migration up: back to the source.
    function cancelMigration(uint256 vmId) external;

    // Agents

    function acknowledgeStart(uint256 vmId, uint32 epoch) external;
    function acknowledgeStop(uint256 vmId, uint32 epoch) external;
    /// @notice The VM does not run and cannot be made to.
    function reportFailure(uint256 vmId, uint32 epoch) external;
    /// @notice The host is back and the VM has run on: Unknown → Running.
    function recover(uint256 vmId, uint32 epoch) external;
    /// @notice The source has saved the VM, stopped it, and will not run it again in this epoch. @param record the saved state.
    function acknowledgeRelease(uint256 vmId, uint32 epoch, bytes32 record) external;
    /// @notice The target has restored it, paused. Only the target says so.
    function acknowledgeMigration(uint256 vmId, uint32 epoch) external;
    /// @notice Source or target cannot: back to the source.
    function abortMigration(uint256 vmId, uint32 epoch) external;
    /// @notice Put the digest of a state record on chain: by the customer, or the agent of the VM's host in its epoch. Not
    /// in Migrating, where the record is the one of the release.
    function recordState(uint256 vmId, uint32 epoch, bytes32 record) external;

    // Providers

    /// @notice Take back the capacity of a VM that has rested for `IDLE_GRACE` (Stopped, Failed, Suspended); its next start takes capacity anew.
    function reclaim(uint256 vmId) external;
    /// @notice End the lease of a VM that has rested for `RETENTION`.
    function evict(uint256 vmId) external;

    // Anybody

    /// @notice Pay the provider what was used.
    function settle(uint256 vmId) external;
    /// @notice Do what time has decided: a deadline that passed, funds that ran out, a host that vanished.
    function expire(uint256 vmId) external;

    // Views

    function vmCount() external view returns (uint256);
    function vmOf(uint256 vmId) external view returns (VM memory);
    /// @notice Many at once, for agents; an unknown one has customer zero.
    function vmsOf(uint256[] calldata vmIds) external view returns (VM[] memory);
    function balanceOf(address account, Resource resource) external view returns (uint256);
    /// @notice The host that may run the VM now; 0 when none.
    function entitledHost(uint256 vmId) external view returns (uint256 hostId);
    /// @notice Seconds used so far, the present stretch included.
    function usedOf(uint256 vmId) external view returns (uint40);
    /// @notice Seconds left before the funds run out.
    function remainingOf(uint256 vmId) external view returns (uint40);
    /// @notice Tokens held for the VM: not used, or used and not yet paid to the provider.
    function escrowOf(uint256 vmId, Resource resource) external view returns (uint256);
    /// @notice Seconds between two times in which the VM was due to be up: from the acknowledged start until the customer
    /// stops, pauses, migrates or terminates it, its funds run out or its capacity is reclaimed. A failure does not end
    /// it, and a start that expires begins it. Of the last six changes since it came to its provider; before them it
    /// counts as not due.
    function dueIn(uint256 vmId, uint40 from, uint40 to) external view returns (uint40);
    function token(Resource resource) external view returns (address);
    function registry() external view returns (address);
}
