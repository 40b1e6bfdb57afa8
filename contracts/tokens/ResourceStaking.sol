// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IResourceStaking} from "../../interfaces/IResourceStaking.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {Brakeable} from "../access/Brakeable.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ResourceStaking
/// @notice See `IResourceStaking`.
contract ResourceStaking is IResourceStaking, ReentrancyGuardTransient, Brakeable, AccessManaged {
    using SafeERC20 for IERC20;

    /// @dev One slot: owed 128 | free 128. Together, what this contract holds of the token.
    struct Totals {
        uint128 free;
        uint128 owed;
    }

    /// @inheritdoc IResourceStaking
    uint256 public constant MIN_TERM = 30 days;
    /// @inheritdoc IResourceStaking
    uint256 public constant MAX_TERM = 365 days;

    uint256 private constant YEAR = 365 days;
    uint256 private constant BPS = 10_000;
    /// @dev What the registry may use to end a reservation; several times what it needs.
    uint256 private constant RELEASE_GAS = 200_000;

    /// @inheritdoc IResourceStaking
    IHostRegistry public immutable registry;
    IERC20 private immutable _cpu;
    IERC20 private immutable _mem;
    IERC20 private immutable _sto;
    IERC20 private immutable _net;

    /// @inheritdoc IResourceStaking
    uint256 public positionCount;
    mapping(uint256 positionId => Position) private _positions;
    mapping(Resource resource => Totals) private _totals;

    /// @param authority_ AccessManager that says who may take back free budget.
    /// @param initialOwner EmergencyBrake, which may stop `stake`, `fund` and `guarantee`.
    /// @param registry_ Where guarantees reserve capacity.
    /// @param tokens By resource.
    constructor(address authority_, address initialOwner, IHostRegistry registry_, IERC20[4] memory tokens)
        Brakeable(initialOwner)
        AccessManaged(authority_)
    {
        _requireContract(address(registry_));
        for (uint256 i = 0; i < tokens.length; ++i) {
            _requireContract(address(tokens[i]));
        }
        registry = registry_;
        (_cpu, _mem, _sto, _net) = (tokens[0], tokens[1], tokens[2], tokens[3]);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Positions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IResourceStaking
    function stake(Resource resource, uint256 amount, uint256 term)
        external
        nonReentrant
        whenNotPaused
        returns (uint256 positionId)
    {
        // Check
        uint256 reward = rewardOf(resource, amount, term);
        if (reward == 0) revert ResourceStaking_NoReward(resource, amount, term);
        Totals memory totals = _totals[resource];
        if (reward > totals.free) revert ResourceStaking_BudgetExceeded(resource, reward, totals.free);

        // Effect
        positionId = ++positionCount;
        uint256 maturity = block.timestamp + term;
        _positions[positionId] = Position({
            owner: msg.sender,
            resource: resource,
            start: uint40(block.timestamp),
            maturity: uint40(maturity),
            isGuaranteeing: false,
            principal: uint128(amount),
            reward: uint128(reward)
        });
        _totals[resource] =
            Totals({free: totals.free - uint128(reward), owed: totals.owed + uint128(amount) + uint128(reward)});
        emit Staked(positionId, msg.sender, resource, amount, reward, maturity);

        // Interaction
        _collect(resource, amount);
    }

    /// @inheritdoc IResourceStaking
    /// @dev A guarantee needs no release: from now on anybody clears it in the registry.
    function withdraw(uint256 positionId, address recipient) external nonReentrant returns (uint256 paid) {
        // Check
        Position memory position = _ownPosition(positionId);
        if (block.timestamp < position.maturity) revert ResourceStaking_NotMature(positionId, position.maturity);

        // Effect
        paid = uint256(position.principal) + position.reward;
        delete _positions[positionId];
        _totals[position.resource].owed -= uint128(paid);
        emit Withdrawn(positionId, recipient, position.principal, position.reward);

        // Interaction
        _pay(position.resource, recipient, paid);
    }

    /// @inheritdoc IResourceStaking
    function exitEarly(uint256 positionId, address recipient) external nonReentrant returns (uint256 paid) {
        // Check
        Position memory position = _ownPosition(positionId);
        if (block.timestamp >= position.maturity) revert ResourceStaking_Mature(positionId, position.maturity);
        if (position.isGuaranteeing) revert ResourceStaking_Guaranteeing(positionId);

        // Effect
        paid = position.principal;
        delete _positions[positionId];
        Totals storage totals = _totals[position.resource];
        (totals.free, totals.owed) = (totals.free + position.reward, totals.owed - position.principal - position.reward);
        emit ExitedEarly(positionId, recipient, paid, position.reward);

        // Interaction
        _pay(position.resource, recipient, paid);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Guarantees
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IResourceStaking
    function guarantee(uint256 positionId, uint256 hostId, uint256 units) external nonReentrant whenNotPaused {
        // Check
        Position memory position = _ownPosition(positionId);
        if (position.isGuaranteeing) revert ResourceStaking_Guaranteeing(positionId);
        if (block.timestamp >= position.maturity) revert ResourceStaking_Mature(positionId, position.maturity);
        uint256 backed = _backedBy(position);
        if (units == 0 || units > backed) revert ResourceStaking_BadUnits(positionId, units, backed);

        // Effect
        _positions[positionId].isGuaranteeing = true;
        emit GuaranteeMade(positionId, hostId, msg.sender, units, position.maturity);

        // Interaction
        registry.reserve(positionId, hostId, msg.sender, position.resource, uint32(units), position.maturity);
    }

    /// @inheritdoc IResourceStaking
    function release(uint256 positionId) external nonReentrant {
        // Check
        Position storage position = _positions[positionId];
        (address owner_, uint256 maturity) = (position.owner, position.maturity);
        if (owner_ == address(0)) revert ResourceStaking_NoPosition(positionId);
        if (msg.sender != owner_ && block.timestamp < maturity) {
            revert ResourceStaking_NotOwner(positionId, msg.sender, owner_);
        }
        if (!position.isGuaranteeing) revert ResourceStaking_NotGuaranteeing(positionId);

        // Effect
        position.isGuaranteeing = false;
        emit GuaranteeReleased(positionId, msg.sender);

        // Interaction
        _tellRegistry(abi.encodeCall(IHostRegistry.release, (positionId)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Budget
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IResourceStaking
    function fund(Resource resource, uint256 amount) external nonReentrant whenNotPaused {
        // Check
        _requireAmount(amount);

        // Effect
        _totals[resource].free += uint128(amount);
        emit Funded(resource, msg.sender, amount);

        // Interaction
        _collect(resource, amount);
    }

    /// @inheritdoc IResourceStaking
    function takeBack(Resource resource, uint256 amount, address recipient) external nonReentrant restricted {
        // Check
        _requireAmount(amount);
        uint256 free = _totals[resource].free;
        if (amount > free) revert ResourceStaking_BudgetExceeded(resource, amount, free);

        // Effect
        _totals[resource].free = uint128(free - amount);
        emit BudgetTaken(resource, recipient, amount);

        // Interaction
        _pay(resource, recipient, amount);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IResourceStaking
    function positionOf(uint256 positionId) external view returns (Position memory) {
        return _positions[positionId];
    }

    /// @inheritdoc IResourceStaking
    function freeBudgetOf(Resource resource) external view returns (uint256) {
        return _totals[resource].free;
    }

    /// @inheritdoc IResourceStaking
    function owedOf(Resource resource) external view returns (uint256) {
        return _totals[resource].owed;
    }

    /// @inheritdoc IResourceStaking
    function backedBy(uint256 positionId) external view returns (uint256 units) {
        return _backedBy(_positions[positionId]);
    }

    /// @inheritdoc IResourceStaking
    function tokenOf(Resource resource) public view returns (IERC20) {
        return [_cpu, _mem, _sto, _net][uint256(resource)];
    }

    /// @inheritdoc IResourceStaking
    function rewardOf(Resource resource, uint256 amount, uint256 term) public pure returns (uint256) {
        _requireAmount(amount);
        if (term < MIN_TERM || term > MAX_TERM) revert ResourceStaking_BadTerm(term);
        return amount * rateOf(resource) * term / (BPS * YEAR);
    }

    /// @inheritdoc IResourceStaking
    function rateOf(Resource resource) public pure returns (uint256) {
        return [uint256(1_000), 800, 600, 500][uint256(resource)];
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _ownPosition(uint256 positionId) private view returns (Position memory position) {
        position = _positions[positionId];
        if (position.owner == address(0)) revert ResourceStaking_NoPosition(positionId);
        if (position.owner != msg.sender) {
            revert ResourceStaking_NotOwner(positionId, msg.sender, position.owner);
        }
    }

    /// @dev Anybody may have cleared the reservation, and governance may have put another registry or staking in place:
    /// the registry may fail, burn its gas or answer at length, and holds nobody back. Nor may the caller make it fail: a
    /// call that failed had `RELEASE_GAS`. A 64th of the gas stays here (EIP-150); if what is left is less than a 63rd of
    /// `RELEASE_GAS`, the call may have had less.
    function _tellRegistry(bytes memory data) private {
        address target = address(registry);
        bool success;
        assembly ("memory-safe") {
            success := call(RELEASE_GAS, target, 0, add(data, 0x20), mload(data), 0x00, 0x00)
        }
        if (!success && gasleft() < RELEASE_GAS / 63) revert ResourceStaking_TooLittleGas(RELEASE_GAS);
    }

    /// @dev The registry counts in 32 bits, which the last seconds before maturity would pass.
    function _backedBy(Position memory position) private view returns (uint256) {
        if (block.timestamp >= position.maturity) return 0;
        uint256 left = position.maturity - block.timestamp;
        return Math.min(uint256(position.principal) * 1_000 * 1 hours / (1e18 * left), type(uint32).max);
    }

    /// @dev The tokens are our own; should one of them ever take a fee, this refuses it.
    function _collect(Resource resource, uint256 amount) private {
        IERC20 token = tokenOf(resource);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 present = token.balanceOf(address(this));
        uint256 arrived = present < before ? 0 : present - before;
        if (arrived != amount) revert ResourceStaking_InexactTransfer(resource, amount, arrived);
    }

    function _pay(Resource resource, address recipient, uint256 amount) private {
        if (recipient == address(0) || recipient == address(this)) revert ResourceStaking_BadRecipient(recipient);
        tokenOf(resource).safeTransfer(recipient, amount);
    }

    function _requireAmount(uint256 amount) private pure {
        if (amount == 0 || amount > type(uint128).max) revert ResourceStaking_BadAmount(amount);
    }

    function _requireContract(address target) private view {
        if (target.code.length == 0) revert ResourceStaking_NoContract(target);
    }
}
