// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IModelRegistry
/// @notice What a model is, whose, what it was made from, who certified it, and whether it may be deployed now.
/// @dev Immutable: nobody can change or remove a registration. A model is named by its digest (`modelHash`), first come,
/// first served; against being overtaken an owner commits ahead (see `commit`). Certifiers hold a role
/// of the authority; everything else belongs to owners.
interface IModelRegistry {
    // ------------------------------------------------------------------------------------------------------------
    // Types
    // ------------------------------------------------------------------------------------------------------------

    /// @notice How a model came from its parent.
    enum Relation {
        Base,
        FineTune,
        Distillation,
        Merge
    }

    /// @notice Where a model stands; MLflow's words.
    enum Stage {
        None,
        Staging,
        Production,
        Archived
    }

    /// @notice Why a model may be deployed, or not.
    enum Verdict {
        Deployable,
        Unknown,
        Provisional,
        Revoked,
        AncestorRevoked,
        NotCertified,
        CertificateExpired,
        VerificationVoid
    }

    struct Parent {
        bytes32 modelHash;
        Relation relation;
    }

    /// @notice Everything about a model that is fixed at its registration, besides its digest and version.
    struct Lineage {
        Parent[] parents;
        /// @dev Roots of the manifests of the data it was trained on.
        bytes32[] datasets;
        /// @dev Run of ProofOfTraining that was sealed with this model by the same owner, or zero.
        bytes32 run;
        /// @dev Key of QuantumVerification that signed `modelHash`, or zero.
        bytes32 verificationKey;
    }

    // Read from memory only, in the order in which one asks.
    // solhint-disable-next-line gas-struct-packing
    struct Model {
        address owner;
        uint40 registeredAt;
        /// @dev Second from which nobody can displace the registration any more.
        uint40 finalAt;
        /// @dev Zero while it is not revoked.
        uint40 revokedAt;
        bytes32 vectorHash;
        /// @dev keccak256 of the metadata's bytes.
        bytes32 metadataDigest;
        /// @dev Semantic Versioning 2.0.0.
        string version;
        Stage stage;
        /// @dev Whether `metadataOf` has the text.
        bool metadataKept;
    }

    struct Certificate {
        address certifier;
        uint40 issuedAt;
        /// @dev First second at which it is over.
        uint40 expiresAt;
        /// @dev Zero while it is not revoked.
        uint40 revokedAt;
        /// @dev Digest of what the certifier looked at.
        bytes32 evidence;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice A model's digest is not zero.
    error ModelRegistry_EmptyModelHash();

    /// @notice No model has this digest.
    error ModelRegistry_UnknownModel(bytes32 modelHash);

    /// @notice This model is registered already, by `owner`.
    error ModelRegistry_AlreadyRegistered(bytes32 modelHash, address owner);

    /// @notice The registration can still be displaced until `finalAt`; what builds on it must wait.
    error ModelRegistry_Provisional(bytes32 modelHash, uint40 finalAt);

    /// @notice The model is revoked since `revokedAt`.
    error ModelRegistry_Revoked(bytes32 modelHash, uint40 revokedAt);

    /// @notice `caller` does not own the model.
    error ModelRegistry_NotOwner(bytes32 modelHash, address caller);

    /// @notice The model was not offered to `caller`.
    error ModelRegistry_NotPendingOwner(bytes32 modelHash, address caller);

    /// @notice `commitment` was made already.
    error ModelRegistry_AlreadyCommitted(bytes32 commitment);

    /// @notice The caller's commitment was not made in an earlier block, but in `blockNumber`; zero if never.
    error ModelRegistry_NotCommitted(bytes32 commitment, uint256 blockNumber);

    /// @notice `version` is no version of Semantic Versioning 2.0.0 of at most `limit` bytes.
    error ModelRegistry_InvalidVersion(string version, uint256 limit);

    /// @notice Metadata of `length` bytes exceeds `limit`.
    error ModelRegistry_MetadataTooLong(uint256 length, uint256 limit);

    /// @notice `count` parents, or data sets, exceed `limit`.
    error ModelRegistry_TooMany(uint256 count, uint256 limit);

    /// @notice The same parent twice.
    error ModelRegistry_DuplicateParent(bytes32 parent);

    /// @notice The model would have more than `limit` distinct ancestors.
    error ModelRegistry_TooManyAncestors(bytes32 modelHash, uint256 limit);

    /// @notice The run is not sealed with this model by `caller`.
    error ModelRegistry_RunMismatch(bytes32 run, bytes32 modelHash, address caller);

    /// @notice QuantumVerification has no good verification of this model by this key.
    error ModelRegistry_NotVerified(bytes32 key, bytes32 modelHash);

    /// @notice A name, or alias, has 1 to 63 of a-z, 0-9, '.', '_', '-' and begins with a letter or digit; an alias
    /// is neither `latest` nor a version number such as `v1`.
    error ModelRegistry_InvalidName(string name);

    /// @notice The caller has created this name already.
    error ModelRegistry_NameExists(bytes32 nameId);

    /// @notice There is no such name.
    error ModelRegistry_UnknownName(bytes32 nameId);

    /// @notice `caller` does not own the name.
    error ModelRegistry_NotNameOwner(bytes32 nameId, address caller);

    /// @notice The name was not offered to `caller`.
    error ModelRegistry_NotPendingNameOwner(bytes32 nameId, address caller);

    /// @notice The name has another model of this version.
    error ModelRegistry_VersionTaken(bytes32 nameId, string version, bytes32 modelHash);

    /// @notice The model is not published under the name.
    error ModelRegistry_NotPublished(bytes32 nameId, bytes32 modelHash);

    /// @notice The alias points to `current`, not to what the caller thought.
    error ModelRegistry_AliasMoved(bytes32 nameId, string name, bytes32 current);

    /// @notice This alias of the name is frozen; with an empty `name`, the whole name.
    error ModelRegistry_Frozen(bytes32 nameId, string name);

    /// @notice The model is in this stage already.
    error ModelRegistry_SameStage(bytes32 modelHash, Stage stage);

    /// @notice A certificate ends in the future, at most `limit` seconds from now.
    error ModelRegistry_InvalidExpiry(uint40 expiresAt, uint256 limit);

    /// @notice There is no certificate that is not revoked.
    error ModelRegistry_NoCertificate(bytes32 modelHash);

    /// @notice A reason has 1 to `limit` bytes.
    error ModelRegistry_InvalidReason(uint256 length, uint256 limit);

    /// @notice What held at `time` is known when that second is over.
    error ModelRegistry_FutureLookup(uint256 time, uint256 timestamp);

    /// @notice There must be a contract at `account`.
    error ModelRegistry_NotAContract(address account);

    // ------------------------------------------------------------------------------------------------------------
    // Events
    // ------------------------------------------------------------------------------------------------------------

    /// @notice A commitment was made.
    event Committed(bytes32 indexed commitment);

    /// @notice `owner` registered a model.
    event ModelRegistered(bytes32 indexed modelHash, address indexed owner, string version);

    /// @notice What else was registered; `metadata` is kept here, and on chain where the owner asked for it.
    event ModelDescribed(bytes32 indexed modelHash, bytes32 indexed vectorHash, string metadata);

    /// @notice Where a model came from. Only for models that say so.
    event LineageRecorded(bytes32 indexed modelHash, Lineage lineage);

    /// @notice A provisional registration gave way to an owner whose commitment is older.
    event ModelDisplaced(bytes32 indexed modelHash, address indexed previousOwner);

    /// @notice A model was offered to `newOwner`; zero withdraws an offer.
    event ModelTransferStarted(bytes32 indexed modelHash, address indexed previousOwner, address indexed newOwner);

    /// @notice A model passed to `newOwner`.
    event ModelTransferred(bytes32 indexed modelHash, address indexed previousOwner, address indexed newOwner);

    /// @notice A model changed its stage.
    event StageChanged(bytes32 indexed modelHash, Stage from, Stage to);

    /// @notice A model must not be deployed any more, nor what descends from it.
    event ModelRevoked(bytes32 indexed modelHash, address indexed by, string reason);

    /// @notice A model was certified.
    event ModelCertified(bytes32 indexed modelHash, address indexed certifier, uint40 expiresAt, bytes32 evidence);

    /// @notice A certificate was revoked.
    event CertificateRevoked(bytes32 indexed modelHash, address indexed by, string reason);

    /// @notice A name was created.
    event NameCreated(bytes32 indexed nameId, address indexed creator, string name);

    /// @notice A name was offered to `newOwner`; zero withdraws an offer.
    event NameTransferStarted(bytes32 indexed nameId, address indexed previousOwner, address indexed newOwner);

    /// @notice A name passed to `newOwner`.
    event NameTransferred(bytes32 indexed nameId, address indexed previousOwner, address indexed newOwner);

    /// @notice A model was published as `version` of a name.
    event VersionPublished(bytes32 indexed nameId, bytes32 indexed modelHash, string version);

    /// @notice An alias points to `modelHash`; to nothing, if zero.
    event AliasMoved(bytes32 indexed nameId, string name, bytes32 indexed from, bytes32 indexed to);

    /// @notice An alias will not move again.
    event AliasFrozen(bytes32 indexed nameId, string name);

    /// @notice Nothing under this name will change again.
    event NameFrozen(bytes32 indexed nameId);

    // ------------------------------------------------------------------------------------------------------------
    // Models
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Commits to a registration without showing the model.
    /// @dev Anybody may send it: a commitment counts for the owner it names. It is used up by the registration.
    /// Of two owners the one with the older commitment gets the model, if it registers within `PROVISIONAL_PERIOD` of the
    /// other. So commit before anything shows the digest (`sealRun` and `verifyData` do), and register within that time.
    /// @param commitment `commitmentOf(owner, modelHash, salt)`, with a random salt that is not zero.
    function commit(bytes32 commitment) external;

    /// @notice Registers a model without lineage, its metadata in the event.
    /// @dev Provisional for `PROVISIONAL_PERIOD`: until then an owner who committed before this block may displace it, and
    /// nothing can build on it. See `register` for a registration that cannot be lost.
    /// @param modelHash Digest of the model: the root of its manifest.
    /// @param vectorHash Digest of its embedding; zero for none.
    /// @param version Semantic Versioning 2.0.0, at most 32 bytes.
    /// @param metadata At most 2,048 bytes.
    function registerModel(bytes32 modelHash, bytes32 vectorHash, string calldata version, string calldata metadata)
        external;

    /// @notice Registers a model with lineage.
    /// @param modelHash Digest of the model.
    /// @param vectorHash Digest of its embedding; zero for none.
    /// @param version Semantic Versioning 2.0.0, at most 32 bytes.
    /// @param metadata At most 2,048 bytes.
    /// @param keepMetadata Whether contracts must be able to read the metadata (about 200 gas a byte more).
    /// @param lineage At most 8 parents, final and not revoked, 16 data sets, 64 distinct ancestors.
    /// @param salt Salt of the caller's commitment, made in an earlier block. The registration displaces a provisional one
    /// on a later commitment, or without one. It is final at once if the commitment is `PROVISIONAL_PERIOD` old, else
    /// provisional itself. Zero registers without commitment.
    function register(
        bytes32 modelHash,
        bytes32 vectorHash,
        string calldata version,
        string calldata metadata,
        bool keepMetadata,
        Lineage calldata lineage,
        bytes32 salt
    ) external;

    /// @notice Offers a model to `newOwner`, who must accept. Owner only. Zero withdraws an offer.
    function transferModel(bytes32 modelHash, address newOwner) external;

    /// @notice Takes a model that was offered to the caller.
    function acceptModel(bytes32 modelHash) external;

    /// @notice Moves a model to another stage. Owner only. What is revoked can only be archived.
    function setStage(bytes32 modelHash, Stage stage) external;

    /// @notice Revokes a final model for good. Its owner, or a certifier (who may call this without delay).
    /// @param reason 1 to 256 bytes.
    function revokeModel(bytes32 modelHash, string calldata reason) external;

    // ------------------------------------------------------------------------------------------------------------
    // Certificates
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Certifies a model; a new certificate takes the place of the old one. Certifiers only.
    /// @param expiresAt First second at which it is over; at most `MAX_CERTIFICATE` from now.
    /// @param evidence Digest of what the certifier looked at.
    function certify(bytes32 modelHash, uint40 expiresAt, bytes32 evidence) external;

    /// @notice Revokes the certificate of a model. Certifiers only.
    /// @param reason 1 to 256 bytes.
    function revokeCertificate(bytes32 modelHash, string calldata reason) external;

    // ------------------------------------------------------------------------------------------------------------
    // Names
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Creates a name in the caller's namespace, so that nobody can take it before.
    /// @return nameId `nameIdOf(caller, name)`, for ever, whoever owns the name later.
    function createName(string calldata name) external returns (bytes32 nameId);

    /// @notice Offers a name to `newOwner`, who must accept. Owner only. Zero withdraws an offer.
    function transferName(bytes32 nameId, address newOwner) external;

    /// @notice Takes a name that was offered to the caller.
    function acceptName(bytes32 nameId) external;

    /// @notice Publishes a final model that is not revoked, as its version of a name. Owner of both. A version of a name
    /// never changes.
    function publish(bytes32 nameId, bytes32 modelHash) external;

    /// @notice Points an alias to a published model. Owner of the name only.
    /// @param name The alias, such as `champion`.
    /// @param from What the caller thinks it points to now; zero for nothing. Otherwise it reverts.
    /// @param to The model, not revoked; zero removes the alias.
    function setAlias(bytes32 nameId, string calldata name, bytes32 from, bytes32 to) external;

    /// @notice Ends all movement of an alias, whatever it points to, or if it points to nothing. Owner of the name only.
    function freezeAlias(bytes32 nameId, string calldata name) external;

    /// @notice Ends all change under a name: versions and aliases. Owner of the name only.
    function freezeName(bytes32 nameId) external;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Seconds for which a registration on a younger commitment, or none, can be displaced: 1 hour.
    function PROVISIONAL_PERIOD() external view returns (uint256);

    /// @notice Longest life of a certificate, seconds: 730 days.
    function MAX_CERTIFICATE() external view returns (uint256);

    /// @notice A model; reverts if there is none.
    function models(bytes32 modelHash) external view returns (Model memory);

    /// @notice Where a model came from; reverts if there is no model.
    function lineageOf(bytes32 modelHash) external view returns (Lineage memory);

    /// @notice Metadata that is kept on chain; empty where it is in the event only. Reverts if there is no model.
    function metadataOf(bytes32 modelHash) external view returns (string memory);

    /// @notice All distinct ancestors of a model, nearest first.
    function ancestorsOf(bytes32 modelHash) external view returns (bytes32[] memory);

    /// @notice Account that a model is offered to, or zero.
    function pendingOwnerOf(bytes32 modelHash) external view returns (address);

    /// @notice Stage of a model at the end of a second that is over.
    function stageAt(bytes32 modelHash, uint48 time) external view returns (Stage);

    /// @notice The latest certificate of a model; all zero if it never had one.
    function certificateOf(bytes32 modelHash) external view returns (Certificate memory);

    /// @notice Whether a model may be deployed now: final, certified, not revoked, no ancestor revoked, and its
    /// verification, if it names one, still counts. Never reverts.
    function isDeployable(bytes32 modelHash) external view returns (bool);

    /// @notice As `isDeployable`, with the reason and the model that it is about: the nearest revoked ancestor, or the
    /// model itself; zero if it is deployable. The first that applies of `Verdict`, in its order. Never reverts.
    function verdictOf(bytes32 modelHash) external view returns (Verdict verdict, bytes32 culprit);

    /// @notice Block of a commitment that was not used up; zero for none.
    function commitmentBlock(bytes32 commitment) external view returns (uint256 blockNumber);

    /// @notice keccak256(abi.encode(owner, modelHash, salt)).
    function commitmentOf(address owner, bytes32 modelHash, bytes32 salt) external pure returns (bytes32 commitment);

    /// @notice keccak256(abi.encode(creator, name)).
    function nameIdOf(address creator, string calldata name) external pure returns (bytes32 nameId);

    /// @notice A name; reverts if there is none.
    function nameOf(bytes32 nameId)
        external
        view
        returns (address owner, address pendingOwner, bool frozen, string memory name);

    /// @notice The model that was published as `version` of a name, or zero.
    function modelOf(bytes32 nameId, string calldata version) external view returns (bytes32 modelHash);

    /// @notice Whether a model was published under a name.
    function isPublished(bytes32 nameId, bytes32 modelHash) external view returns (bool);

    /// @notice What an alias means now, zero for nothing, and whether that is for good: it, or the name, is frozen.
    function aliasOf(bytes32 nameId, string calldata name) external view returns (bytes32 modelHash, bool frozen);

    /// @notice What an alias meant at the end of a second that is over; zero for nothing.
    function aliasAt(bytes32 nameId, string calldata name, uint48 time) external view returns (bytes32 modelHash);
}
