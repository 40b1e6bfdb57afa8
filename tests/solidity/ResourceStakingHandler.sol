// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {RegistryDouble} from "../../contracts/test/RegistryDouble.sol";
import {ResourceStaking} from "../../contracts/tokens/ResourceStaking.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IResourceStaking} from "../../interfaces/IResourceStaking.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {Test} from "./Vm.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

uint256 constant STAKERS = 3;

/// @title ResourceStakingHandler
/// @notice Drives staking through random histories of three stakers and two hosts, beside the plainest model of it.
/// @dev Every action predicts its outcome, refusals with their exact error included, so nothing is skipped silently.
contract ResourceStakingHandler is Test {
    struct Position {
        uint256 owner;
        uint256 resource;
        uint256 maturity;
        uint256 principal;
        uint256 reward;
        /// @dev 0 none.
        uint256 host;
        uint256 units;
    }

    uint256 public constant WEALTH = 2 ** 120;
    uint256 public constant CAPACITY = 10_000;
    uint256 private constant DAY = 1 days;

    ResourceStaking public immutable STAKING;
    RegistryDouble public immutable REGISTRY;
    HostileToken[4] public tokens;

    /// @dev Time is kept here: `block.timestamp` would be read once by the optimiser.
    uint256 public time;
    bool public paused;
    Position[] private _positions;
    uint256[4] public budgets;
    uint256[4] public gifts;
    uint256[4][STAKERS] public wallets;
    mapping(bytes32 name => uint256) public calls;

    /// @dev Governance and brake of the staking is this contract.
    constructor(ResourceStaking staking, RegistryDouble registry, HostileToken[4] memory tokens_, uint256 time_) {
        (STAKING, REGISTRY, tokens, time) = (staking, registry, tokens_, time_);
        for (uint256 i = 0; i < STAKERS * 4; ++i) {
            HostileToken token = tokens[i % 4];
            token.mint(staker(i / 4), WEALTH);
            wallets[i / 4][i % 4] = WEALTH;
            vm.prank(staker(i / 4));
            token.approve(address(staking), type(uint256).max);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Positions
    // ------------------------------------------------------------------------------------------------------------

    function stake(uint256 who, uint256 what, uint256 amount, uint256 term, uint256 noise) external {
        _tick(noise);
        (who, what) = (who % STAKERS, what % 4);
        amount = noise % 16 == 1 ? noise % 200 : _bound(amount, 1e12, 1e22);
        term = noise % 16 == 2 ? 30 * DAY - 1 : noise % 16 == 3 ? 365 * DAY + 1 : _bound(term, 30 * DAY, 365 * DAY);
        uint256 reward = amount * [uint256(1_000), 800, 600, 500][what] * term / (10_000 * 365 * DAY);
        bytes memory refusal = _noStake(what, amount, term, reward);
        bytes memory call_ = abi.encodeCall(STAKING.stake, (Resource(what), amount, term));
        if (!_expect("stake", who, call_, refusal)) return;
        budgets[what] -= reward;
        wallets[who][what] -= amount;
        _positions.push(Position(who, what, time + term, amount, reward, 0, 0));
    }

    function withdraw(uint256 who, uint256 id, uint256 to, uint256 noise) external {
        _tick(noise);
        (id, to) = (_anyId(id), to % STAKERS);
        Position memory position = _positionOf(id);
        who = noise % 8 == 1 ? who % STAKERS : position.owner;
        bytes memory refusal = _notMine(position, who, id);
        if (refusal.length == 0 && time < position.maturity) {
            refusal = _error(IResourceStaking.ResourceStaking_NotMature.selector, id, position.maturity);
        }
        bytes32 name = position.host == 0 ? bytes32("withdraw") : bytes32("withdraw guaranteeing");
        if (!_expect(name, who, abi.encodeCall(STAKING.withdraw, (id, staker(to))), refusal)) return;
        wallets[to][position.resource] += position.principal + position.reward;
        if (position.host != 0) REGISTRY.clear(id); // as anybody may
        delete _positions[id - 1];
    }

    function exitEarly(uint256 who, uint256 id, uint256 to, uint256 noise) external {
        _tick(noise);
        (id, to) = (_anyId(id), to % STAKERS);
        Position memory position = _positionOf(id);
        who = noise % 8 == 1 ? who % STAKERS : position.owner;
        bytes memory refusal = _notMine(position, who, id);
        if (refusal.length == 0 && time >= position.maturity) {
            refusal = _error(IResourceStaking.ResourceStaking_Mature.selector, id, position.maturity);
        } else if (refusal.length == 0 && position.host != 0) {
            refusal = abi.encodeWithSelector(IResourceStaking.ResourceStaking_Guaranteeing.selector, id);
        }
        if (!_expect("exitEarly", who, abi.encodeCall(STAKING.exitEarly, (id, staker(to))), refusal)) return;
        wallets[to][position.resource] += position.principal;
        budgets[position.resource] += position.reward;
        delete _positions[id - 1];
    }

    // ------------------------------------------------------------------------------------------------------------
    // Guarantees
    // ------------------------------------------------------------------------------------------------------------

    function guarantee(uint256 who, uint256 id, uint256 host, uint256 units, uint256 noise) external {
        _tick(noise);
        (id, host) = (_anyId(id), 1 + host % 2);
        Position memory position = _positionOf(id);
        who = noise % 8 == 1 ? who % STAKERS : position.owner;
        uint256 backed = _backedBy(position);
        units = noise % 8 == 2 ? backed + 1 : noise % 16 == 3 ? 0 : _bound(units, 1, backed + 1);
        bytes memory refusal = _noGuarantee(position, who, id, host, units, backed);
        if (!_expect("guarantee", who, abi.encodeCall(STAKING.guarantee, (id, host, units)), refusal)) return;
        (_positions[id - 1].host, _positions[id - 1].units) = (host, units);
    }

    function release(uint256 who, uint256 id, bool cleared, uint256 noise) external {
        _tick(noise);
        id = _anyId(id);
        Position memory position = _positionOf(id);
        who = noise % 2 == 1 ? who % STAKERS : position.owner;
        bytes memory refusal =
            time >= position.maturity && position.principal != 0 ? bytes("") : _notMine(position, who, id);
        if (refusal.length == 0 && position.host == 0) {
            refusal = abi.encodeWithSelector(IResourceStaking.ResourceStaking_NotGuaranteeing.selector, id);
        }
        if (cleared && refusal.length == 0) REGISTRY.clear(id); // void or over
        bytes32 name = who == position.owner ? bytes32("release") : bytes32("release by another");
        if (!_expect(name, who, abi.encodeCall(STAKING.release, (id)), refusal)) return;
        (_positions[id - 1].host, _positions[id - 1].units) = (0, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Budget, brake and time
    // ------------------------------------------------------------------------------------------------------------

    function fund(uint256 who, uint256 what, uint256 amount) external {
        (who, what, amount) = (who % STAKERS, what % 4, _bound(amount, 1, 1e21));
        bytes memory refusal = paused ? abi.encodeWithSelector(Pausable.EnforcedPause.selector) : bytes("");
        if (!_expect("fund", who, abi.encodeCall(STAKING.fund, (Resource(what), amount)), refusal)) return;
        budgets[what] += amount;
        wallets[who][what] -= amount;
    }

    function takeBack(uint256 what, uint256 amount, uint256 to, uint256 noise) external {
        (what, to) = (what % 4, to % STAKERS);
        amount = _bound(amount, 1, noise % 4 == 0 ? budgets[what] + 1 : budgets[what] / 4 + 1);
        if (amount > budgets[what]) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IResourceStaking.ResourceStaking_BudgetExceeded.selector, what, amount, budgets[what]
                )
            );
        }
        STAKING.takeBack(Resource(what), amount, staker(to));
        if (amount > budgets[what]) return;
        ++calls["takeBack"];
        budgets[what] -= amount;
        wallets[to][what] += amount;
    }

    function give(uint256 who, uint256 what, uint256 amount) external {
        (who, what, amount) = (who % STAKERS, what % 4, _bound(amount, 0, 1e18));
        vm.prank(staker(who));
        vm.assertTrue(tokens[what].transfer(address(STAKING), amount));
        wallets[who][what] -= amount;
        gifts[what] += amount;
    }

    function brake(uint256 noise) external {
        if (paused == (noise % 8 == 0)) return;
        paused = !paused;
        if (paused) STAKING.pauseContract();
        else STAKING.unpauseContract();
    }

    function wait(uint256 noise) external {
        time += noise % (40 * DAY);
        vm.warp(time);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The model
    // ------------------------------------------------------------------------------------------------------------

    function positionCount() external view returns (uint256) {
        return _positions.length;
    }

    function positionOf(uint256 id) external view returns (Position memory) {
        return _positions[id - 1];
    }

    function staker(uint256 who) public pure returns (address) {
        return address(uint160(0x57a4e0 + who));
    }

    function reservedOn(uint256 host, uint256 what) public view returns (uint256 sum) {
        for (uint256 i = 0; i < _positions.length; ++i) {
            if (_positions[i].host == host && _positions[i].resource == what) sum += _positions[i].units;
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _noStake(uint256 what, uint256 amount, uint256 term, uint256 reward) private view returns (bytes memory) {
        if (paused) return abi.encodeWithSelector(Pausable.EnforcedPause.selector);
        if (amount == 0) return abi.encodeWithSelector(IResourceStaking.ResourceStaking_BadAmount.selector, amount);
        if (term < 30 * DAY || term > 365 * DAY) {
            return abi.encodeWithSelector(IResourceStaking.ResourceStaking_BadTerm.selector, term);
        }
        if (reward == 0) {
            return abi.encodeWithSelector(IResourceStaking.ResourceStaking_NoReward.selector, what, amount, term);
        }
        if (reward <= budgets[what]) return "";
        return
            abi.encodeWithSelector(
                IResourceStaking.ResourceStaking_BudgetExceeded.selector, what, reward, budgets[what]
            );
    }

    function _noGuarantee(
        Position memory position,
        uint256 who,
        uint256 id,
        uint256 host,
        uint256 units,
        uint256 backed
    ) private view returns (bytes memory refusal) {
        if (paused) return abi.encodeWithSelector(Pausable.EnforcedPause.selector);
        refusal = _notMine(position, who, id);
        if (refusal.length != 0) return refusal;
        if (position.host != 0) {
            return abi.encodeWithSelector(IResourceStaking.ResourceStaking_Guaranteeing.selector, id);
        }
        if (time >= position.maturity) {
            return _error(IResourceStaking.ResourceStaking_Mature.selector, id, position.maturity);
        }
        if (units == 0 || units > backed) {
            return abi.encodeWithSelector(IResourceStaking.ResourceStaking_BadUnits.selector, id, units, backed);
        }
        uint256 available = CAPACITY - reservedOn(host, position.resource);
        if (units <= available) return "";
        return abi.encodeWithSelector(
            IHostRegistry.HostRegistry_CapacityExceeded.selector, host, position.resource, units, available
        );
    }

    function _notMine(Position memory position, uint256 who, uint256 id) private pure returns (bytes memory) {
        if (position.principal == 0) {
            return abi.encodeWithSelector(IResourceStaking.ResourceStaking_NoPosition.selector, id);
        }
        if (who == position.owner) return "";
        return abi.encodeWithSelector(
            IResourceStaking.ResourceStaking_NotOwner.selector, id, staker(who), staker(position.owner)
        );
    }

    /// @dev By the definition: the largest number of units whose tokens until maturity are at most the principal.
    function _backedBy(Position memory position) private view returns (uint256 units) {
        if (time >= position.maturity) return 0;
        units = position.principal * 3_600_000 / ((position.maturity - time) * 1e18);
        if (units > type(uint32).max) units = type(uint32).max;
    }

    function _expect(bytes32 name, uint256 who, bytes memory call_, bytes memory refusal) private returns (bool) {
        vm.prank(staker(who));
        (bool ok, bytes memory said) = address(STAKING).call(call_);
        if (refusal.length == 0) {
            vm.assertTrue(ok, "an allowed action was refused");
            ++calls[name];
        } else {
            vm.assertFalse(ok, "a forbidden action went through");
            vm.assertEq(said, refusal);
            ++calls[bytes4(refusal)];
        }
        return ok;
    }

    /// @dev Mostly one that stands; sometimes one that was paid out or that never was.
    function _anyId(uint256 id) private view returns (uint256) {
        uint256 count = _positions.length;
        uint256 steps = id % 8;
        id = 1 + (id >> 3) % (count + 1);
        for (uint256 i = 0; i < steps && _positionOf(id).principal == 0; ++i) {
            id = 1 + id % (count + 1);
        }
        return id;
    }

    function _positionOf(uint256 id) private view returns (Position memory position) {
        if (id <= _positions.length) position = _positions[id - 1];
    }

    function _error(bytes4 selector, uint256 a, uint256 b) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }

    function _tick(uint256 noise) private {
        noise = uint256(keccak256(abi.encode(noise)));
        if (noise % 4 == 0) time += (noise >> 8) % DAY;
        vm.warp(time);
    }
}
