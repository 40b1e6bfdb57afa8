// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IArbitrable, IArbitrator} from "./IArbitration.sol";

/// @title ISLATypes
/// @notice What the contracts of the service-level agreements speak of; see `ISLA`.
interface ISLATypes {
    /// @notice Which side of its value a guarantee allows.
    enum Direction {
        AtLeast,
        AtMost
    }

    /// @notice What became of a guarantee in a window.
    enum Outcome {
        /// @dev Nothing was said.
        Unmeasured,
        /// @dev Evidence says it held.
        Met,
        /// @dev Reported, evidence has yet to come.
        Reported,
        /// @dev Evidence says it did not hold; can be disputed.
        Violated,
        Disputed,
        /// @dev Final: the penalty is paid.
        Penalised
    }

    /// @notice A promise. Values are parts per million or milliseconds, by its metric.
    struct Guarantee {
        /// @dev Its name: "uptime", "latency".
        bytes32 metric;
        Direction direction;
        /// @dev Beyond this the first credit is due, ...
        uint32 value;
        /// @dev ... beyond this the second, ...
        uint32 severe;
        /// @dev ... and beyond this the third.
        uint32 critical;
    }

    // solhint-disable-next-line gas-struct-packing
    struct Terms {
        address provider;
        address customer;
        /// @dev The VM it is about; 0 for a service that the chain knows nothing of.
        uint256 vmId;
        /// @dev SHA-256 of the record that says what is measured and how; not zero.
        bytes32 specification;
        /// @dev Last moment to accept, in seconds.
        uint40 offerExpiry;
        /// @dev Length of a window (1 hour to 31 days) and number of windows (1 to 10,000).
        uint40 window;
        uint32 windows;
        /// @dev After a window: how long it can be measured and reported (1 hour to 30 days).
        uint40 reportPeriod;
        /// @dev After a report with evidence: how long it can be disputed (1 hour to 30 days).
        uint40 disputePeriod;
        /// @dev NOVA a window (below 2^96), for the whole agreement's stake, and for a report or dispute.
        uint128 fee;
        uint128 stake;
        uint128 bond;
        /// @dev Share of the window's fee by tier, ppm, not falling, at most 10,000,000; all zero: 10, 25 and 100 %, which
        /// is what `termsOf` then says. The stake is at least the largest of them.
        uint32[3] credits;
        /// @dev Fewest samples a monitor's measurement rests on; at least 1.
        uint32 minSamples;
        /// @dev Measurements it takes: more than half of the monitors.
        uint8 quorum;
        /// @dev Zero for the committee.
        IArbitrator arbitrator;
        /// @dev 1 to 32, strictly ascending, neither party among them.
        address[] monitors;
        /// @dev 1 to 8.
        Guarantee[] guarantees;
    }

    /// @notice What one monitor measured. Signed as EIP-712
    /// `Measurement(uint256 slaId,uint256 guarantee,uint256 window,uint256 value,uint256 samples,uint256 from,uint256 to)`.
    struct Observation {
        /// @dev Position in `Terms.monitors`; strictly ascending within evidence.
        uint8 monitor;
        uint32 value;
        uint32 samples;
        /// @dev First and last sample, in seconds, both in the window.
        uint40 from;
        uint40 to;
        bytes signature;
    }

    struct Agreement {
        /// @dev In seconds; 0 when it is not accepted.
        uint40 startedAt;
        /// @dev Windows it has; fewer than agreed when it was terminated.
        uint32 windows;
        uint32 settledWindows;
        bool released;
        bool withdrawn;
        /// @dev What is left of it, in NOVA.
        uint128 stake;
    }

    /// @notice What became of a window's fee.
    struct WindowState {
        /// @dev What penalties of the window have brought the customer, ...
        uint128 credited;
        /// @dev ... and what of them came out of the window's own fee, because the stake was used up.
        uint128 takenFromFee;
        /// @dev The rest of the fee is shared out.
        bool settled;
    }

    /// @notice A guarantee in a window.
    // solhint-disable-next-line gas-struct-packing
    struct Claim {
        /// @dev Who gets the bond back; zero for a measurement, and when it is penalised.
        address claimant;
        Outcome outcome;
        /// @dev Monitors in the evidence; 255 when an arbitrator has overruled it, which no evidence changes.
        uint8 signers;
        /// @dev The evidence's median; what the claimant says before there is evidence.
        uint32 value;
        /// @dev Since when its present period runs, in seconds; 0 when it is penalised.
        uint40 since;
        /// @dev The latest dispute's, of its arbitrator; 0 when there was none.
        uint256 disputeId;
    }

    error SLA_UnknownAgreement(uint256 slaId);
    /// @notice The terms do not make sense: which field, and its value.
    error SLA_BadTerms(bytes32 field, uint256 value);
    error SLA_NotProvider(uint256 slaId, address caller);
    error SLA_NotCustomer(uint256 slaId, address caller);
    error SLA_NotParty(uint256 slaId, address caller);
    error SLA_NotOpen(uint256 slaId);
    error SLA_NotActive(uint256 slaId);
    error SLA_OfferExpired(uint256 slaId, uint256 expiry);
    /// @notice The VM is not the customer's, or not on a host of the provider's.
    error SLA_NotTheirVM(uint256 vmId, address provider, address customer);
    error SLA_InsufficientBalance(address account, uint256 balance, uint256 needed);
    error SLA_ZeroAmount();
    error SLA_ZeroAddress();
    /// @notice NOVA is not paid out to nobody or to this contract.
    error SLA_BadRecipient(address recipient);
    error SLA_UnknownGuarantee(uint256 slaId, uint256 guarantee);
    /// @notice The window does not exist or has not ended.
    error SLA_WindowOpen(uint256 slaId, uint256 window);
    error SLA_ReportPeriodOver(uint256 slaId, uint256 window, uint256 deadline);
    error SLA_ReportPeriodRuns(uint256 slaId, uint256 window, uint256 deadline);
    /// @notice The VM was due for `due` of the window's seconds: less than half.
    error SLA_WindowExcluded(uint256 slaId, uint256 window, uint256 due);
    error SLA_TooFewMeasurements(uint256 given, uint256 quorum);
    error SLA_MonitorsNotAscending(uint256 index);
    error SLA_UnknownMonitor(uint256 index, uint256 monitor);
    error SLA_BadSignature(uint256 index, address monitor);
    error SLA_OutsideWindow(uint256 index, uint256 from, uint256 to);
    error SLA_TooFewSamples(uint256 index, uint256 samples, uint256 minimum);
    /// @notice The claimant says `actual`, its evidence says `median`.
    error SLA_NotMedian(uint256 actual, uint256 median);
    /// @notice The median `value` keeps the promise (a report) or breaks it (`recordMeasurement`).
    error SLA_NotViolated(uint256 value);
    error SLA_IsViolated(uint256 value);
    /// @notice There is evidence of `there` monitors already; replacing it takes more.
    error SLA_NoBetterEvidence(uint256 given, uint256 there);
    error SLA_WrongOutcome(Outcome outcome);
    /// @notice For evidence, a dispute or a ruling it was too late from `deadline` on.
    error SLA_DisputePeriodOver(uint256 deadline);
    /// @notice Before `deadline` there can still be a dispute, a ruling or better evidence.
    error SLA_DisputePeriodRuns(uint256 deadline);
    /// @notice A dispute is sent exactly what its arbitrator asks for, in wei.
    error SLA_ArbitrationCost(uint256 value, uint256 cost);
    /// @notice There is none, or the evidence that it was about has been replaced.
    error SLA_UnknownDispute(address arbitrator, uint256 disputeId);
    /// @notice The arbitrator gave two disputes one number.
    error SLA_DuplicateDispute(address arbitrator, uint256 disputeId);
    /// @notice Something of the window is not decided.
    error SLA_ClaimOpen(uint256 slaId, uint256 window, uint256 guarantee, Outcome outcome);
    error SLA_AlreadySettled(uint256 slaId, uint256 window);
    /// @notice The stake is free when all windows are settled.
    error SLA_WindowsOpen(uint256 slaId, uint256 settled, uint256 windows);
    error SLA_AlreadyReleased(uint256 slaId);

    event Deposited(address indexed account, uint256 amount, address indexed payer);
    event Withdrawn(address indexed account, uint256 amount, address indexed recipient);
    /// @notice A bond has changed hands, by a ruling or because nothing came of a report.
    event BondForfeited(uint256 indexed slaId, address indexed from, address indexed to, uint256 amount);
    event Offered(
        uint256 indexed slaId, address indexed provider, address indexed customer, uint256 vmId, address terms
    );
    event OfferWithdrawn(uint256 indexed slaId);
    event Accepted(uint256 indexed slaId, uint256 startedAt, uint256 end);
    event Measured(
        uint256 indexed slaId, uint256 indexed guarantee, uint256 indexed window, uint256 value, uint256 signers
    );
    event ViolationReported(
        uint256 indexed slaId,
        uint256 indexed guarantee,
        uint256 indexed window,
        address claimant,
        uint256 value,
        uint256 signers
    );
    /// @notice The evidence that was brought, unless all monitors are in it: whoever has other monitors' measurements can
    /// add these to them.
    event EvidenceGiven(
        uint256 indexed slaId, uint256 indexed guarantee, uint256 indexed window, Observation[] evidence
    );
    event Disputed(
        uint256 indexed slaId,
        uint256 indexed guarantee,
        uint256 indexed window,
        IArbitrator arbitrator,
        uint256 disputeId
    );
    /// @notice `credit` went to the customer and `excess` to the treasury.
    event Penalised(
        uint256 indexed slaId,
        uint256 indexed guarantee,
        uint256 indexed window,
        uint256 value,
        uint256 credit,
        uint256 excess
    );
    /// @notice A report came to nothing: overruled, or its evidence never came.
    event Dismissed(uint256 indexed slaId, uint256 indexed guarantee, uint256 indexed window);
    event WindowSettled(uint256 indexed slaId, uint256 indexed window, uint256 toProvider, uint256 toCustomer);
    event Terminated(uint256 indexed slaId, address indexed by, uint256 windows, uint256 refund);
    event StakeReleased(uint256 indexed slaId, address indexed provider, uint256 stake);
    event DefaultArbitratorSet(IArbitrator arbitrator);
}

/// @title ISLAClaims
/// @notice Reports, evidence and disputes of service-level agreements; see `ISLA`.
interface ISLAClaims is ISLATypes, IArbitrable {
    /// @notice An arbitrator that has not ruled for so long is taken to have upheld the evidence, in seconds (14 days).
    function ARBITRATION_TIMEOUT() external view returns (uint40);

    /// @notice Say, with a bond, that a guarantee was broken in the window that ended last; evidence must follow with
    /// `submitEvidence` while the window can be reported.
    function reportViolation(uint256 slaId, uint256 guarantee, uint256 actual) external;
    /// @notice The same for any window, with its evidence, whose median is `actual`. Takes the place of a report without
    /// evidence and of evidence of fewer monitors, disputed or not: the bonds that were paid for it go back.
    function reportViolation(
        uint256 slaId,
        uint256 guarantee,
        uint256 window,
        uint256 actual,
        Observation[] calldata evidence
    ) external;
    /// @notice Evidence of what was reported without, by anybody. Should it say that the promise was kept, the bond goes to
    /// the treasury.
    function submitEvidence(uint256 slaId, uint256 guarantee, uint256 window, Observation[] calldata evidence) external;
    /// @notice Evidence that a guarantee held. Replaces a violation of fewer monitors, disputed or not, until one dispute
    /// period after its evidence or dispute: the bonds go back. After a report without evidence, the bond goes to the
    /// treasury.
    function recordMeasurement(uint256 slaId, uint256 guarantee, uint256 window, Observation[] calldata evidence)
        external;
    /// @notice Dispute a violation, as the provider, with an equal bond and exactly the arbitrator's cost. Ruling 2 overrules
    /// the violation; 1 (it stands), 0 (refused) and none within `ARBITRATION_TIMEOUT` leave it. The loser's bond goes to
    /// the other side. Until then, for one dispute period, evidence of more monitors can take the place of what is
    /// disputed: the bonds go back, the dispute is over, and the provider may dispute what took its place.
    function dispute(uint256 slaId, uint256 guarantee, uint256 window) external payable returns (uint256 disputeId);
    /// @notice Carry out what time has decided: an undisputed violation, a dispute without ruling, a report without evidence.
    function finalise(uint256 slaId, uint256 guarantee, uint256 window) external;
}

/// @title ISLA
/// @notice Service-level agreements that pay by themselves. All amounts are NOVA, out of prepaid balances.
///
/// A provider offers terms and locks a stake for this agreement alone; the customer accepts and prepays the fee of every
/// window. For each window and guarantee, the monitors named in the terms sign what they measured; the median of at
/// least `quorum` of them decides:
///
///     met        the window's fee goes to the provider
///     violated   a tiered share of the window's fee goes to the customer, out of the stake
///     unmeasured no penalty, and the fee goes back to the customer
///
/// Somebody reports a violation with a bond. Nobody disputes: anybody finalises after the dispute period. The provider
/// disputes with an equal bond: an arbitrator rules, and if it does not, the evidence stands. Evidence of more monitors
/// replaces evidence of fewer for one dispute period after each piece of evidence and each dispute, whatever it says.
/// The customer never receives more than the fees it paid: what a penalty exceeds them by goes to the treasury, so that
/// nobody gains by a false report. The arithmetic and a table of outcomes are in docs/sla.md.
///
/// Of an even number of measurements the middle one nearer to the promise counts. Beyond a limit means strictly beyond.
///
/// @dev ASSUMPTION: more than half of the monitors are honest, and contracts among them stand by what they have signed.
/// Times in which a VM was not due to run (stopped, paused or moved by its customer, announced maintenance) are left out
/// by the monitors, and a window that consists of them for more than half is not claimable at all: both follow from the
/// state of VMLifecycle and HostRegistry. So does this: while the VM is on another provider's host, nothing can be
/// reported of it.
/// @dev ASSUMPTION: NOVA takes no fee and never calls back. Arbitrators and monitors are trusted with nothing else than
/// their word: they may revert, call back, answer twice or never.
interface ISLA is ISLAClaims {
    // Balances

    /// @notice Pay `amount` of the caller's NOVA into the balance of `account`.
    function deposit(uint256 amount, address account) external;
    /// @notice The same with an ERC-2612 permit of the caller; a permit that was used already does no harm.
    function depositWithPermit(uint256 amount, address account, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;
    /// @notice Take NOVA out of the caller's balance. Works in every state of everything.
    function withdraw(uint256 amount, address recipient) external;

    // Agreements

    /// @notice Offer an agreement to `terms.customer`, as its provider; the stake leaves the caller's balance.
    function offer(Terms calldata terms) external returns (uint256 slaId);
    /// @notice Take an offer back that was not accepted, with the stake.
    function withdrawOffer(uint256 slaId) external;
    /// @notice Accept, as the customer: the first window begins now; the fees of all leave the caller's balance.
    function accept(uint256 slaId) external;
    /// @notice End the agreement with the present window, as either party. Fees of later windows go back at once; the
    /// stake stays until what has passed is reported and decided.
    function terminate(uint256 slaId) external;

    // Settlement

    /// @notice Share out the fee of a window that can no longer be reported and of which everything is decided: to the
    /// provider when all guarantees were measured; else the customer gets what it has not been credited yet.
    function settleWindow(uint256 slaId, uint256 window) external;
    /// @notice The same of the windows from `first` up to, without, `end`: all or none.
    function settleWindows(uint256 slaId, uint256 first, uint256 end) external;
    /// @notice Give the provider what is left of the stake when all windows are settled.
    function releaseStake(uint256 slaId) external;

    // Governance

    /// @notice The arbitrator of terms that name none. @dev Restricted to governance.
    function setDefaultArbitrator(IArbitrator arbitrator) external;

    // Views

    function agreementCount() external view returns (uint256);
    function agreementOf(uint256 slaId) external view returns (Agreement memory);
    function termsOf(uint256 slaId) external view returns (Terms memory);
    function claimOf(uint256 slaId, uint256 guarantee, uint256 window) external view returns (Claim memory);
    function windowStateOf(uint256 slaId, uint256 window) external view returns (WindowState memory);
    /// @notice What the monitors of a VM's or service's agreement sign (EIP-712), for one of them.
    function hashMeasurement(uint256 slaId, uint256 guarantee, uint256 window, Observation calldata observation)
        external
        view
        returns (bytes32);
    /// @notice The window that ended last; reverts before one has.
    function lastWindow(uint256 slaId) external view returns (uint256);
    /// @notice Begin and end of a window, in seconds; samples lie from the begin on and before the end.
    function windowOf(uint256 slaId, uint256 window) external view returns (uint256 from, uint256 to);
    /// @notice Seconds of a window in which the VM was due, less announced maintenance: all of it for a service; 0 while
    /// the VM is on another provider's host.
    function dueIn(uint256 slaId, uint256 window) external view returns (uint256);
    function balanceOf(address account) external view returns (uint256);
    function defaultArbitrator() external view returns (IArbitrator);
    function treasury() external view returns (address);
    function nova() external view returns (address);
    function lifecycle() external view returns (address);
}
